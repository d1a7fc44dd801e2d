//! Every limit of this crate, each with its reason.

use std::time::Duration;

use crate::Format;

/// What all containers of one message may cost together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets that come out of all containers. Bounds time and disk whatever the containers are.
    pub total: u64,
    /// Octets of one member. Larger than any inspector takes is larger than is worth unpacking.
    pub member: u64,
    /// Octets out for each packed octet. Deflate reaches 1,032; text and tables rarely pass 50.
    pub ratio: u64,
    /// Members. Each costs a header, a record and a call of every inspector, even if it is empty.
    pub members: usize,
    /// Containers in containers. A chain of them multiplies ratios that are each innocent.
    pub depth: usize,
    /// Time spent in unpacking, not counting the time between containers.
    pub duration: Duration,
    /// Words that are tried on what is encrypted and do not open it; 0 tries none. A word costs up to a tenth of a
    /// second.
    pub password_tries: usize,
    /// Formats that are not opened: they are [`Unscanned::DisabledFormat`](crate::Unscanned::DisabledFormat).
    pub disabled: Vec<Format>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: 100 << 20,
            member: 50 << 20,
            ratio: 200,
            members: 10_000,
            depth: 8,
            duration: Duration::from_secs(10),
            password_tries: 100,
            disabled: Vec::new(),
        }
    }
}

/// Octets a member or a container may give before its ratio counts. A blank picture or an empty table packs a
/// thousand to one and harms nobody; what harms is large, and `total` and `members` bound many small ones.
pub(crate) const RATIO_FLOOR: u64 = 1 << 20;

/// Octets of a word that is tried as a password. 7-Zip and zip take longer ones; nobody types them.
pub(crate) const WORD: usize = 256;

/// The share of the time for unpacking that words may take, as a divisor. One that opens something needs the rest; and
/// where none does, the archive is encrypted, which is no reason to send a message back.
pub(crate) const WORDS_SHARE: u32 = 2;

/// Words that have opened something and are therefore tried first and freely. A sender uses one, for all he sends.
pub(crate) const KNOWN_WORDS: usize = 4;

/// Characters of a member's name that are shown. Longer ones lose their middle: both folder and suffix tell.
pub(crate) const NAME: usize = 255;

/// Records that look like the end of a zip's directory and are tried, last first. A comment may hold any number.
pub(crate) const ZIP_ENDS: usize = 16;

/// Directories of one zip that are read. An ordinary zip has one; with data in front of it, two ways to count make two
/// at most; more are there to confuse.
pub(crate) const ZIP_DIRECTORIES: usize = 4;

/// Archives of one format that are opened behind something else in one file. A program that unpacks itself has one.
pub(crate) const PLACES: usize = 8;

/// Marks of gzip that are tried in one file. Three octets stand somewhere in every other file of eight mebioctets by
/// chance.
pub(crate) const GZIP_TRIES: usize = 64;

/// Octets that are tried of each of them.
pub(crate) const GZIP_TRIED: usize = 64 << 10;

/// Packed streams one behind the other in one file. Parallel packers begin one for each 64 KiB or more; an empty one
/// costs its sender some twenty octets and us a decoder.
pub(crate) const STREAMS: usize = 16_384;

/// Octets of memory that one decoder may ask for as its window. `xz -9` wants 64 MiB and the tables around it; a
/// header may ask for 4 GiB, before a single octet has come out.
pub(crate) const WINDOW: u64 = 72 << 20;

/// Elements of a CMS that are passed on the way to its content. Real ones have two, and a few in them.
pub(crate) const BER_ELEMENTS: usize = 4_096;

/// Octets of a name in TNEF. Real ones are file names.
pub(crate) const TNEF_NAME: u64 = 4 << 10;

/// How many times its length an RTF may be read for the objects in it. Each is read two or three times; only such as
/// stand in each other are read more often.
pub(crate) const RTF_READS: u64 = 16;

/// Octets in which the mark of a PDF stands: so far Acrobat looks for it.
pub(crate) const PDF_HEADER: usize = 1_024;

/// How many times its length a PDF may be read for objects and the ends of streams. Each is read five times at most;
/// only such as stand in each other are read more often.
pub(crate) const PDF_READS: u64 = 16;

/// Octets of one word of a PDF that are kept: names of keys, of files.
pub(crate) const PDF_TOKEN: usize = 1_024;

/// Brackets in brackets in a PDF that are told apart. Real ones have some ten.
pub(crate) const PDF_DEPTH: usize = 64;

/// Decoders of one stream of a PDF. Real ones have one or two.
pub(crate) const PDF_FILTERS: usize = 8;

/// Streams that a PDF may name as files, scripts or forms. Real ones name some.
pub(crate) const PDF_REFERENCES: usize = 10_000;

/// Octets of packed objects of a PDF after which a further member begins, so that a large file has none that is too
/// large.
pub(crate) const PDF_OBJECTS: u64 = 8 << 20;

/// Octets of a row by which a stream of a PDF is predicted. Tables have some; only pictures have thousands.
pub(crate) const PDF_ROW: usize = 1 << 20;

/// Encryption dictionaries of one PDF that are tried. Real ones have one, also after many revisions.
pub(crate) const PDF_LOCKS: usize = 4;

/// Identifiers of one PDF that are tried with each of them. All revisions of a file share one.
pub(crate) const PDF_IDS: usize = 8;

/// Octets of one encrypted string of a PDF that are decrypted: the longest are scripts.
pub(crate) const PDF_STRING: usize = 1 << 20;

/// Octets of a stream of a PDF from which is seen whether they are encrypted, and by which key.
pub(crate) const PDF_PROBE: u64 = 4 << 10;

/// Octets that decoders may make of them.
pub(crate) const PDF_PROBED: u64 = 256 << 10;

/// Octets of one tag of an XML document that are looked at. Real ones have a name and a few addresses.
pub(crate) const XML_TAG: usize = 16 << 10;

/// Characters in quotes in a text that may be a file. In fewer stand the digests and keys of honest pages (SHA-256
/// takes 44), and hardly a program.
pub(crate) const EMBEDDED_LITERAL: usize = 48;

/// Characters in quotes in a text that a script makes octets of (`atob`), whatever they are: addresses are hidden so.
pub(crate) const EMBEDDED_CALL: usize = 8;

/// Hexadecimal digits in quotes in a text that may be a file. The longest digests that pages hold have 128.
pub(crate) const EMBEDDED_HEX: usize = 160;

/// Characters of one piece of a text that are kept until it is known whether it is a file. What is longer, and what
/// begins as a text or as anything that programs open, is one; what is neither is a key or a token, of which pages have
/// thousands.
pub(crate) const EMBEDDED_HELD: usize = 1_368;

/// Characters between a mark and the file behind it: the type in a `data:` URL, the parameters of a property.
pub(crate) const EMBEDDED_URL: usize = 512;

/// Characters that stand behind a quote where a text is looked through for files. Scripts that hold them in smaller
/// pieces are found by the words for what makes them files again.
pub(crate) const EMBEDDED_ROW: usize = 32;

/// Names of files that are noted of one text. Real ones have one.
pub(crate) const EMBEDDED_NAMES: usize = 64;

/// Octets of one header that describes a tar member: long names, pax records. Real ones are below 4 KiB.
pub(crate) const TAR_HEADER: u64 = 256 << 10;

/// Pieces of one sparse file in a tar. Real ones have some hundreds.
pub(crate) const TAR_PIECES: usize = 16 << 10;

/// Octets of a 7z's header, packed or not. Ten thousand long names take two mebioctets.
pub(crate) const SEVENZIP_HEADER: u64 = 8 << 20;

/// Headers of a 7z that are packed in each other. Programs pack it once.
pub(crate) const SEVENZIP_HEADERS: usize = 4;

/// Coders that make up one folder of a 7z. Programs write four at most.
pub(crate) const SEVENZIP_CODERS: usize = 8;

/// Rounds for the key of an encrypted 7z, as a power of two. Programs write 19, half a million.
pub(crate) const SEVENZIP_CYCLES: u8 = 20;

/// Keys of one 7z that are kept. Its folders nearly always share a salt.
pub(crate) const SEVENZIP_KEYS: usize = 1_000;

/// Folders of a cabinet. Programs make one, or one for each kind of file; each is a decoder that is set up.
pub(crate) const CAB_FOLDERS: u16 = 4_096;

/// Octets of one name of an ar member, or of the table of them.
pub(crate) const AR_NAMES: u64 = 1 << 20;

/// Octets of a name in the table of an ar archive. The longest that a file system takes is 4,096, folders included.
pub(crate) const AR_NAME: usize = 4_096;

/// Octets of the name of a cpio member.
pub(crate) const CPIO_NAME: u64 = 64 << 10;

/// Volume descriptors of an ISO image that are read. Real images have three or four; Linux looks at so many.
pub(crate) const ISO_DESCRIPTORS: u64 = 84;

/// Times that the fields of one record of an ISO image go on elsewhere. A name of 255 letters needs one.
pub(crate) const ISO_CONTINUATIONS: usize = 8;

/// Octets of one folder of an ISO image: ten thousand files with long names.
pub(crate) const ISO_FOLDER: u64 = 4 << 20;

/// Descriptors of a UDF volume that are read. Real ones have six to sixteen.
pub(crate) const UDF_DESCRIPTORS: u64 = 64;

/// UDF volumes of one image that are read, if those that its anchors lead to differ. Real ones are all the same.
pub(crate) const UDF_VOLUMES: usize = 4;

/// Lists of pieces of a file that go on elsewhere, in one UDF image. One list holds more than a hundred pieces, and
/// images are written in one.
pub(crate) const UDF_CONTINUATIONS: usize = 4_096;

/// Octets of one header of RAR 5: the format's own limit.
pub(crate) const RAR_HEADER: u64 = 2 << 20;

/// Octets of one list of relationships of an Office document that are looked at. Real ones are below 100 KiB.
pub(crate) const RELATIONSHIPS: usize = 1 << 20;
