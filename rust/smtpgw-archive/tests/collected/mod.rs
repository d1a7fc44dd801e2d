//! Takes the members of a container for tests, and checks the order in which they are told.

use smtpgw_archive::{Fact, Member, Members, Unscanned};

/// Everything a container gave: members, facts, and the other names of members.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Collected(pub(crate) Vec<(String, Vec<u8>, Outcome)>, pub(crate) Vec<Fact>, pub(crate) Vec<String>);

/// `None`: it has not ended.
pub(crate) type Outcome = Option<Result<(), Unscanned>>;

impl Members for Collected {
    fn begin(&mut self, member: Member<'_>) {
        assert!(self.0.last().is_none_or(|last| last.2.is_some()), "the member before has not ended");
        self.0.push((member.path.into_owned(), Vec::new(), None));
        self.2.extend(member.other_path.map(std::borrow::Cow::into_owned));
    }
    fn data(&mut self, octets: &[u8]) {
        let last = self.0.last_mut().expect("data of a member");
        assert!(!octets.is_empty() && last.2.is_none());
        last.1.extend_from_slice(octets);
    }
    fn end(&mut self, outcome: Result<(), Unscanned>) {
        assert_eq!(self.0.last_mut().expect("end of a member").2.replace(outcome), None);
    }
    fn fact(&mut self, fact: Fact) {
        assert!(!self.1.contains(&fact), "told twice");
        self.1.push(fact);
    }
}

impl Collected {
    pub(crate) fn outcome(&self, name: &str) -> Result<(), Unscanned> {
        self.0.iter().find(|member| member.0 == name).expect("the member is there").2.expect("it has ended")
    }
    pub(crate) fn data(&self, name: &str) -> &[u8] {
        &self.0.iter().find(|member| member.0 == name).expect("the member is there").1
    }
}
