//! Gathers lines of one length without their line ends, so that a block of them is decoded at once.

/// Copies the lines at the beginning of `raw` that are `WIDTH` long into `block`, without their line ends; says how
/// many characters that made of how many octets. Lines that end in padding are left out.
pub(super) fn gather_fixed<const WIDTH: usize, const STEP: usize>(
    raw: &[u8],
    block: &mut [u8],
    line_end: &[u8],
) -> (usize, usize) {
    let mut lines = 0;
    for (line, copy) in raw.as_chunks::<STEP>().0.iter().zip(block.as_chunks_mut::<WIDTH>().0) {
        let Some((characters, end)) = line.split_first_chunk::<WIDTH>() else { break };
        if end != line_end {
            break;
        }
        *copy = *characters;
        lines += 1;
    }
    leave_out_padding(block, lines, WIDTH, STEP)
}

/// The same for any length of lines.
pub(super) fn gather(raw: &[u8], block: &mut [u8], width: usize, line_end: &[u8]) -> (usize, usize) {
    let step = width + line_end.len();
    let mut lines = 0;
    for (line, copy) in raw.chunks_exact(step).zip(block.chunks_exact_mut(width)) {
        let (characters, end) = line.split_at(width);
        if end != line_end {
            break;
        }
        copy.copy_from_slice(characters);
        lines += 1;
    }
    leave_out_padding(block, lines, width, step)
}

/// Padding is for the patient path; that of a last line would send the whole block there.
fn leave_out_padding(block: &[u8], lines: usize, width: usize, step: usize) -> (usize, usize) {
    let padded = lines > 0 && block.get(lines * width - 1) == Some(&b'=');
    let lines = if padded { lines - 1 } else { lines };
    (lines * width, lines * step)
}
