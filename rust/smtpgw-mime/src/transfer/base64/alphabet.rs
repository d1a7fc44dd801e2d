//! What each octet is to base64.

/// `=`
pub(super) const PAD: u8 = 64;
/// CR and LF, which are skipped.
pub(super) const LINE_END: u8 = 65;
/// Blanks, which are skipped as well.
pub(super) const BLANK: u8 = 66;
/// Everything else outside the alphabet.
pub(super) const JUNK: u8 = 67;

pub(super) const VALUES: [u8; 256] = {
    let mut values = [JUNK; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        values[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    values[b'=' as usize] = PAD;
    values[b'\r' as usize] = LINE_END;
    values[b'\n' as usize] = LINE_END;
    values[b' ' as usize] = BLANK;
    values[b'\t' as usize] = BLANK;
    values
};
