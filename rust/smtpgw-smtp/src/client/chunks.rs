//! Content in chunks (BDAT, RFC 3030 §2): counted, and binary where MAIL said so (RFC 3030 §3).

use super::{Client, State};
use crate::content_writer::{ContentEnd, ContentWriter};
use crate::error::Misuse;
use crate::verb::Verb;

impl Client {
    /// Appends a chunk behind which more come (RFC 3030 §2): `content` made canonical, counted. Only the replies to
    /// other chunks may be outstanding, and those only with PIPELINING: content goes to no server that has not taken a
    /// recipient. A CR at its end waits for the next chunk; where nothing else is left, no chunk is sent.
    pub fn chunk(&mut self, content: &[u8]) -> Result<(), Misuse> {
        let mut writer = self.chunk_writer()?;
        let begin = self.output.len();
        writer.write(content, &mut self.output);
        self.state = State::Chunks(writer);
        if self.output.len() > begin {
            self.count_chunk(begin, "");
            self.outstanding.push_back(Verb::Chunk);
        }
        Ok(())
    }

    /// Appends the last chunk, perhaps an empty one, under the same conditions; its reply comes as
    /// [`Verb::EndOfData`].
    pub fn last_chunk(&mut self, content: &[u8]) -> Result<ContentEnd, Misuse> {
        let mut writer = self.chunk_writer()?;
        let begin = self.output.len();
        writer.write(content, &mut self.output);
        let end = writer.finish(&mut self.output);
        self.count_chunk(begin, " LAST");
        self.state = State::Ready;
        self.outstanding.push_back(Verb::EndOfData);
        Ok(end)
    }

    /// Whether MAIL said that the content is binary: then it goes in chunks and not by DATA (RFC 3030 §3).
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// The writer of the chunk that may be sent now; the state is void until the caller has set it.
    fn chunk_writer(&mut self) -> Result<ContentWriter, Misuse> {
        if self.spoilt || !matches!(self.state, State::Ready | State::Chunks(_)) {
            return Err(Misuse::OutOfPlace);
        }
        if !self.extensions.chunking {
            return Err(Misuse::NotOffered);
        }
        if let Some(last) = self.outstanding.back() {
            if *last != Verb::Chunk || !self.extensions.pipelining {
                return Err(Misuse::MustWait);
            }
            if self.outstanding.len() >= self.limits.outstanding {
                return Err(Misuse::TooManyOutstanding);
            }
        }
        Ok(match core::mem::replace(&mut self.state, State::Ready) {
            State::Chunks(writer) => writer,
            _ if self.binary => ContentWriter::for_binary_chunks(),
            _ => ContentWriter::for_chunks(),
        })
    }

    /// Puts the command in front of a chunk that stands at the end of the output from `begin` on.
    fn count_chunk(&mut self, begin: usize, last: &str) {
        let octets = self.output.len() - begin;
        self.output.splice(begin..begin, alloc::format!("BDAT {octets}{last}\r\n").into_bytes());
    }
}
