//! Zips put together field by field (APPNOTE §4.3).
#![allow(dead_code)] // each test takes what it needs

/// A member as it will stand in the zip.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    pub(crate) packed: Vec<u8>,
    pub(crate) unpacked: u32,
}

pub(crate) fn member(name: &str, method: u16, packed: &[u8], data: &[u8]) -> Made {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    let unpacked = u32::try_from(data.len()).unwrap();
    Made { name: name.into(), method, flags: 0, crc: crc.sum(), packed: packed.to_vec(), unpacked }
}

pub(crate) fn zip_of(members: &[Made]) -> Vec<u8> {
    let mut zip = Vec::new();
    let locals: Vec<_> = members.iter().map(|member| local(&mut zip, member)).collect();
    let pairs: Vec<_> = members.iter().zip(locals).collect();
    directory(&mut zip, &pairs);
    zip
}

/// Writes a local header and the data; where it stands.
pub(crate) fn local(zip: &mut Vec<u8>, member: &Made) -> usize {
    let at = zip.len();
    zip.extend(b"PK\x03\x04");
    common(zip, member);
    zip.extend(&member.name);
    zip.extend(&member.packed);
    at
}

/// Writes a directory of members whose local headers stand where it says, and its end record.
pub(crate) fn directory(zip: &mut Vec<u8>, members: &[(&Made, usize)]) {
    let start = zip.len();
    for (member, at) in members {
        zip.extend(b"PK\x01\x02\x3f\0");
        common(zip, member);
        zip.extend([0; 10]);
        zip.extend(u32::try_from(*at).unwrap().to_le_bytes());
        zip.extend(&member.name);
    }
    let (size, count) = (zip.len() - start, u16::try_from(members.len()).unwrap().to_le_bytes());
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.repeat(2));
    zip.extend(u32::try_from(size).unwrap().to_le_bytes());
    zip.extend(u32::try_from(start).unwrap().to_le_bytes());
    zip.extend([0; 2]);
}

/// What both headers have: version, flags, method, time, date, sum, sizes, lengths.
fn common(zip: &mut Vec<u8>, member: &Made) {
    for number in [63, member.flags, member.method, 0, 0x21] {
        zip.extend(number.to_le_bytes());
    }
    for number in [member.crc, u32::try_from(member.packed.len()).unwrap(), member.unpacked] {
        zip.extend(number.to_le_bytes());
    }
    zip.extend(u16::try_from(member.name.len()).unwrap().to_le_bytes());
    zip.extend([0; 2]);
}
