//! Which backend gets a listener's mail: by the recipient's domain, and among those named for it by priority.
//!
//! A [`Choice`] is a list of backends of which the first that is not down is used: a lower one only while those above
//! it are down. [`Routes`] have one choice for most recipients and others for some domains. Where there is more than
//! one choice, MAIL cannot be put to a backend before the first recipient is known, and recipients of one transaction
//! may belong to different backends, of which it can have only one (see [`crate::transaction`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use smtpgw_smtp::{ForwardPath, Mechanisms, Offer};

use super::leg::Leg;
use super::site::Site;
use crate::domain::comparable;
use crate::error::BackendError;
use crate::house::House;
use crate::message::Session;
use crate::world::World;

/// Backends in order of priority.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    sites: Arc<[Arc<Site>]>,
}

/// The choices of a listener.
#[derive(Debug)]
pub(crate) struct Routes {
    usual: Choice,
    /// By domain, in the form for comparing.
    others: HashMap<String, Choice>,
}

impl Choice {
    /// Of at least one.
    pub(crate) fn new(sites: Vec<Arc<Site>>) -> Self {
        Self { sites: sites.into() }
    }

    /// Its backends, the first choice first.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.sites.iter()
    }

    /// Whether `site` is one of its backends, whatever their order.
    pub(crate) fn includes(&self, site: &Arc<Site>) -> bool {
        self.sites.iter().any(|other| Arc::ptr_eq(other, site))
    }

    /// Whether no message can be handed to any of them. A flag, never a question to the network (rule B2).
    pub(crate) fn is_down(&self) -> bool {
        self.sites.iter().all(|site| site.is_down())
    }

    /// Whether mail would go to `site` now, to which a leg stands: unless one above it is back.
    pub(crate) fn would_take(&self, site: &Arc<Site>) -> bool {
        let first = self.sites.iter().find(|other| Arc::ptr_eq(other, site) || !other.is_down());
        first.is_some_and(|first| Arc::ptr_eq(first, site))
    }

    /// Whether these are the same backends in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let equal = |(one, other): (&Arc<Site>, &Arc<Site>)| Arc::ptr_eq(one, other);
        self.sites.len() == other.sites.len() && self.sites.iter().zip(other.sites.iter()).all(equal)
    }

    /// A leg that another client is done with, introduced to this one. Any trouble with it is no trouble: a new one
    /// will do.
    pub(crate) async fn warm<W: World>(&self, house: &House<W>, session: &Session) -> Option<Leg<W::Stream>> {
        let site = self.sites.iter().find(|site| !site.is_down())?;
        let mut leg = house.pool.take(site)?;
        leg.adopt(session).await.is_ok().then_some(leg)
    }

    /// Connects on behalf of a client to the first of them that answers.
    pub(crate) async fn dial<W: World>(
        &self,
        house: &House<W>,
        session: &Session,
    ) -> Result<Leg<W::Stream>, BackendError> {
        let (mut tries, mut last) = (TRIES, BackendError::Down);
        for site in self.sites.iter().filter(|site| !site.is_down()) {
            match site.dial(house, session, &mut tries).await {
                Ok(leg) => return Ok(leg),
                Err(error @ BackendError::Identity(_)) => return Err(error),
                Err(error) => last = error,
            }
            if tries == 0 {
                break;
            }
        }
        Err(last)
    }
}

impl Choice {
    /// Connects on behalf of a client that will speak TLS with the first of them that answers; with the longest that it
    /// may take for anything.
    pub(crate) async fn dial_tunnel<W: World>(
        &self,
        house: &House<W>,
        session: &Session,
    ) -> Result<(W::Stream, Duration), BackendError> {
        let (mut tries, mut last) = (TRIES, BackendError::Down);
        for site in self.sites.iter().filter(|site| !site.is_down()) {
            match site.dial_tunnel(house, session, &mut tries).await {
                Ok(stream) => return Ok((stream, site.settings.data_s)),
                Err(error @ (BackendError::Identity(_) | BackendError::Tls(_))) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Routes {
    pub(crate) const fn new(usual: Choice, others: HashMap<String, Choice>) -> Self {
        Self { usual, others }
    }

    /// The one choice, if there are no others: then MAIL can be put to it.
    pub(crate) fn only(&self) -> Option<&Choice> {
        self.others.is_empty().then_some(&self.usual)
    }

    /// The choice of most recipients.
    pub(crate) const fn usual(&self) -> &Choice {
        &self.usual
    }

    /// Who gets mail for `path`.
    pub(crate) fn of(&self, path: &ForwardPath) -> &Choice {
        let named = path.domain().filter(|_| !self.others.is_empty());
        named.and_then(|domain| self.others.get(&comparable(domain))).unwrap_or(&self.usual)
    }

    /// Whether there is nobody to whom mail could be handed.
    pub(crate) fn are_down(&self) -> bool {
        self.choices().all(Choice::is_down)
    }

    /// Every backend that may get mail, some perhaps more than once.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.choices().flat_map(|choice| choice.sites.iter())
    }

    /// Their names, for a record.
    pub(crate) fn names(&self) -> String {
        let names: BTreeSet<&str> = self.sites().map(|site| site.name.as_str()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// What a client can be offered whoever gets its mail: what all of them can do.
    pub(crate) fn offer(&self, size: u64) -> Offer {
        let mut offers = self.sites().map(|site| site.offer(size));
        let first = offers.next().unwrap_or_default();
        let all = offers.fold(first, |all, one| both(&all, &one));
        // It is the usual ones alone that a client can authenticate with.
        let mechanisms = self.usual.sites().map(|site| site.offer(size).auth).reduce(Mechanisms::both);
        Offer { auth: mechanisms.unwrap_or_default(), ..all }
    }

    fn choices(&self) -> impl Iterator<Item = &Choice> {
        std::iter::once(&self.usual).chain(self.others.values())
    }
}

/// What two servers can both do.
fn both(one: &Offer, other: &Offer) -> Offer {
    // Every extension by name: a new one must be thought of here.
    let Offer {
        size,
        eight_bit_mime,
        chunking,
        binary_mime,
        smtputf8,
        dsn,
        require_tls,
        session_limits,
        pipelining,
        starttls,
        enhanced_status_codes,
        auth,
        xclient,
    } = *other;
    Offer {
        size: one.size.min(size),
        eight_bit_mime: one.eight_bit_mime && eight_bit_mime,
        chunking: one.chunking && chunking,
        binary_mime: one.binary_mime && binary_mime,
        smtputf8: one.smtputf8 && smtputf8,
        dsn: one.dsn && dsn,
        require_tls: one.require_tls && require_tls,
        session_limits: one.session_limits.zip(session_limits).map(|(one, other)| one.smaller(other)),
        pipelining: one.pipelining && pipelining,
        starttls: one.starttls && starttls,
        enhanced_status_codes: one.enhanced_status_codes && enhanced_status_codes,
        auth: one.auth.both(auth),
        xclient: one.xclient && xclient,
    }
}

/// Addresses that one MAIL may try in vain, each for `connect_s`: with its default well within the five minutes that a
/// client waits for the reply (RFC 5321 §4.5.3.2.2).
const TRIES: usize = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use smtpgw_smtp::{Mechanism, SessionLimits};

    use super::*;
    use crate::settings::{Backend, BackendTls, Settings};
    use crate::world::Instant;

    fn site(name: &str) -> Arc<Site> {
        let backend = Backend { tls: BackendTls::None, ..Backend::at(format!("{name}.example:25")) };
        Site::new(&Settings::default(), name, &backend).unwrap()
    }

    fn fell(site: &Site) {
        site.ways.lock().circuit(None).unwrap().dial_failed(Instant::now(), 0);
    }

    #[test]
    fn a_leg_is_left_only_for_one_above_it_that_is_up() {
        let (one, two, three) = (site("one"), site("two"), site("three"));
        let choice = Choice::new(vec![Arc::clone(&one), Arc::clone(&two)]);
        assert!(choice.would_take(&one) && !choice.would_take(&two) && !choice.would_take(&three));
        fell(&one);
        // A leg that stands is worth more than a dial that failed.
        assert!(choice.would_take(&one) && choice.would_take(&two) && !choice.is_down());
        fell(&two);
        assert!(choice.would_take(&one) && choice.would_take(&two) && choice.is_down());
        assert!(choice.is_same(&choice.clone()) && !choice.is_same(&Choice::new(vec![one])));
    }

    #[test]
    fn routes_lead_by_domain_whatever_its_spelling() {
        let (one, two) = (Choice::new(vec![site("one")]), Choice::new(vec![site("two")]));
        let routes = Routes::new(one.clone(), HashMap::from([("xn--bcher-kva.example".into(), two.clone())]));
        let of = |path: &str| routes.of(&ForwardPath::parse(path).unwrap()).clone();
        assert!(of("<a@bücher.example>").is_same(&two) && of("<a@XN--BCHER-KVA.example>").is_same(&two));
        assert!(of("<a@bücher.example.>").is_same(&two) && of("a@xn--bcher-kva.example.").is_same(&two));
        assert!(of("<a@other.example>").is_same(&one) && of("<Postmaster>").is_same(&one));
        assert!(routes.only().is_none() && Routes::new(one, HashMap::new()).only().is_some());
        assert_eq!(routes.names(), "one, two");
    }

    #[test]
    fn what_is_offered_is_what_all_can_do() {
        let all = Offer {
            size: 1_000,
            eight_bit_mime: true,
            chunking: true,
            binary_mime: true,
            smtputf8: true,
            dsn: true,
            require_tls: true,
            session_limits: Some(SessionLimits { recipients: Some(7), ..SessionLimits::default() }),
            pipelining: true,
            starttls: true,
            enhanced_status_codes: true,
            auth: Mechanisms::EMPTY.with(Mechanism::Plain).with(Mechanism::Login),
            xclient: true,
        };
        assert_eq!(both(&all, &all), all);
        let nothing = Offer { size: 400, ..Offer::default() };
        assert_eq!(both(&all, &nothing), nothing);
        assert_eq!(both(&nothing, &all), nothing);
        let some = Offer { dsn: false, ..all };
        assert_eq!(both(&all, &some), some);
    }
}
