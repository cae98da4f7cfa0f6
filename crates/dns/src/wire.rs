//! DNS messages as bytes: reading a question, writing an answer, walking an upstream's reply. Names are kept as they
//! travel, length-prefixed labels without the final zero, in lower case.

#[cfg(test)]
mod tests;

/// The longest name on the wire, its final zero included.
const NAME_BYTES: usize = 255;
/// What a client takes over UDP unless it says more.
const PLAIN_UDP_BYTES: usize = 512;
/// What is sent over UDP at most: larger datagrams are fragmented and get lost.
const MOST_UDP_BYTES: usize = 1232;
/// How long answers about the cluster may be remembered.
pub(crate) const TTL_SECONDS: u32 = 5;
/// Compression pointers followed in one name.
const MOST_POINTERS: usize = 32;

pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SRV: u16 = 33;
const OPT: u16 = 41;
pub(crate) const ANY: u16 = 255;
pub(crate) const IN: u16 = 1;

/// How a query was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    NoError = 0,
    Malformed = 1,
    ServerFailure = 2,
    NoSuchName = 3,
    NotImplemented = 4,
    Refused = 5,
}

/// A question and what is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) id: u16,
    pub(crate) recursion_desired: bool,
    pub(crate) opcode: u8,
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    /// The question as the client spelt it.
    question: Vec<u8>,
    /// How much the client takes over UDP, if it speaks EDNS.
    edns: Option<u16>,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Absent for records of the name that was asked for.
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) kind: u16,
    pub(crate) ttl_seconds: u32,
    pub(crate) value: Vec<u8>,
}

/// Reads a query. None for what is too short to be answered or is an answer itself; an error code for the rest that
/// cannot be understood.
pub(crate) fn parse(message: &[u8]) -> Option<Result<Query, Vec<u8>>> {
    let header: &[u8; 12] = message.first_chunk()?;
    if header[2] & 0x80 != 0 {
        return None;
    }
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut query = Query {
        id: count(0),
        recursion_desired: header[2] & 1 != 0,
        opcode: header[2] >> 3 & 15,
        name: Vec::new(),
        kind: 0,
        class: 0,
        question: Vec::new(),
        edns: None,
    };
    if count(4) != 1 || query.read_question(message).is_none() {
        return Some(Err(query.reply(
            Code::Malformed,
            false,
            &[],
            &[],
            PLAIN_UDP_BYTES,
        )));
    }
    query.edns = find_edns(
        message,
        12 + query.question.len(),
        count(6),
        count(8),
        count(10),
    );
    Some(Ok(query))
}

impl Query {
    /// What besides the question makes replies differ: flags, EDNS and its options.
    pub(crate) fn circumstances(&self, message: &[u8]) -> Vec<u8> {
        let rest = message.get(12 + self.question.len()..).unwrap_or_default();
        [message.get(2..4).unwrap_or_default(), rest].concat()
    }

    /// A question of our own.
    pub(crate) fn ask(name: &[u8], kind: u16, id: u16) -> Vec<u8> {
        let mut message = vec![0; 12];
        message[..2].copy_from_slice(&id.to_be_bytes());
        message[2] = 1;
        message[5] = 1;
        message.extend_from_slice(name);
        message.push(0);
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&IN.to_be_bytes());
        message
    }

    fn read_question(&mut self, message: &[u8]) -> Option<()> {
        let mut at = 12;
        loop {
            let length = usize::from(*message.get(at)?);
            // Nothing comes before the question that a pointer could point to.
            if length > 63 {
                return None;
            }
            at += 1;
            if length == 0 {
                break;
            }
            let label = message.get(at..at + length)?;
            self.name.push(length as u8);
            self.name.extend(label.iter().map(u8::to_ascii_lowercase));
            at += length;
            if self.name.len() >= NAME_BYTES {
                return None;
            }
        }
        let tail = message.get(at..at + 4)?;
        self.kind = u16::from_be_bytes([tail[0], tail[1]]);
        self.class = u16::from_be_bytes([tail[2], tail[3]]);
        self.question = message[12..at + 4].to_vec();
        Some(())
    }

    /// The most a UDP answer may have.
    pub(crate) fn udp_limit(&self) -> usize {
        usize::from(self.edns.unwrap_or(0)).clamp(PLAIN_UDP_BYTES, MOST_UDP_BYTES)
    }

    /// The whole answer; over the limit only its header, question and a request to come back over TCP.
    pub(crate) fn reply(
        &self,
        code: Code,
        own: bool,
        answers: &[Record],
        authority: &[Record],
        limit: usize,
    ) -> Vec<u8> {
        let mut message = Vec::with_capacity(PLAIN_UDP_BYTES);
        message.extend_from_slice(&self.id.to_be_bytes());
        message.push(
            0x80 | self.opcode << 3 | if own { 4 } else { 0 } | u8::from(self.recursion_desired),
        );
        message.push(0x80 | code as u8);
        let questions = u16::from(!self.question.is_empty());
        let counts = [
            questions,
            answers.len() as u16,
            authority.len() as u16,
            u16::from(self.edns.is_some()),
        ];
        message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        message.extend_from_slice(&self.question);
        let head = message.len();
        for record in answers.iter().chain(authority) {
            record.write(&mut message);
        }
        let edns = if self.edns.is_some() { 11 } else { 0 };
        if message.len() + edns > limit.min(usize::from(u16::MAX)) {
            message.truncate(head);
            message[2] |= 2;
            message[6..10].fill(0);
        }
        if self.edns.is_some() {
            message.extend_from_slice(&[0, 0, OPT as u8]);
            message.extend_from_slice(&(MOST_UDP_BYTES as u16).to_be_bytes());
            message.extend_from_slice(&[0; 6]);
        }
        message
    }

    /// Spells the question of a remembered reply as this query did, and gives it this query's number.
    pub(crate) fn put_question(&self, reply: &mut [u8]) {
        reply[..2].copy_from_slice(&self.id.to_be_bytes());
        if let Some(question) = reply.get_mut(12..12 + self.question.len()) {
            question.copy_from_slice(&self.question);
        }
    }

    /// Whether the message answers this very question.
    pub(crate) fn is_answered_by(&self, message: &[u8]) -> bool {
        let Some(header) = message.first_chunk::<12>() else {
            return false;
        };
        let question = message.get(12..12 + self.question.len());
        header[2] & 0x80 != 0
            && question.is_some_and(|question| question.eq_ignore_ascii_case(&self.question))
    }
}

impl Record {
    pub(crate) fn own(kind: u16, value: Vec<u8>) -> Self {
        Self {
            name: None,
            kind,
            ttl_seconds: TTL_SECONDS,
            value,
        }
    }

    fn write(&self, message: &mut Vec<u8>) {
        match &self.name {
            // The question begins at byte twelve.
            None => message.extend_from_slice(&[0xc0, 12]),
            Some(name) => {
                message.extend_from_slice(name);
                message.push(0);
            }
        }
        message.extend_from_slice(&self.kind.to_be_bytes());
        message.extend_from_slice(&IN.to_be_bytes());
        message.extend_from_slice(&self.ttl_seconds.to_be_bytes());
        message.extend_from_slice(&(self.value.len() as u16).to_be_bytes());
        message.extend_from_slice(&self.value);
    }
}

/// A dotted name as it travels; none if it cannot.
pub(crate) fn name(dotted: &str) -> Option<Vec<u8>> {
    let mut wire = Vec::with_capacity(dotted.len() + 1);
    for label in dotted.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        wire.push(label.len() as u8);
        wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    (wire.len() < NAME_BYTES).then_some(wire)
}

/// The name without its first label.
pub(crate) fn parent(name: &[u8]) -> Option<&[u8]> {
    name.get(1 + usize::from(*name.first()?)..)
}

/// The labels before `zone`; none if the name is not in it.
pub(crate) fn labels_below<'a>(name: &'a [u8], zone: &[u8]) -> Option<Vec<&'a [u8]>> {
    let mut labels = Vec::new();
    let mut rest = name;
    while rest.len() > zone.len() {
        let below = parent(rest)?;
        labels.push(&rest[1..rest.len() - below.len()]);
        rest = below;
    }
    (rest == zone).then_some(labels)
}

/// The records of a reply's answer section that lead to an address, names written out.
pub(crate) fn addresses(message: &[u8]) -> Option<Vec<Record>> {
    let mut found = Vec::new();
    walk(message, |section, kind, ttl_at, value_at, length, start| {
        if section > 0 || ![A, AAAA, CNAME].contains(&kind) {
            return Some(());
        }
        let ttl_seconds = u32::from_be_bytes(message.get(ttl_at..ttl_at + 4)?.try_into().ok()?);
        let value = match kind {
            CNAME => [expand(message, value_at)?, vec![0]].concat(),
            _ => message.get(value_at..value_at + length)?.to_vec(),
        };
        found.push(Record {
            name: Some(expand(message, start)?),
            kind,
            ttl_seconds,
            value,
        });
        Some(())
    })?;
    Some(found)
}

/// Where a reply's times to live are written.
pub(crate) fn ttl_positions(message: &[u8]) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    walk(message, |_, kind, ttl_at, _, _, _| {
        if kind != OPT {
            found.push(ttl_at);
        }
        Some(())
    })?;
    Some(found)
}

/// Calls `see` with section, kind, and the positions of TTL, value, its length and the name, for every record.
fn walk(
    message: &[u8],
    mut see: impl FnMut(u8, u16, usize, usize, usize, usize) -> Option<()>,
) -> Option<()> {
    let header: &[u8; 12] = message.first_chunk()?;
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut at = 12;
    for _ in 0..count(4) {
        at = skip_name(message, at)? + 4;
    }
    for (section, number) in [(0, count(6)), (1, count(8)), (2, count(10))] {
        for _ in 0..number {
            let start = at;
            let fields = skip_name(message, at)?;
            let head = message.get(fields..fields + 10)?;
            let length = usize::from(u16::from_be_bytes([head[8], head[9]]));
            at = fields + 10 + length;
            message.get(..at)?;
            see(
                section,
                u16::from_be_bytes([head[0], head[1]]),
                fields + 4,
                fields + 10,
                length,
                start,
            )?;
        }
    }
    Some(())
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// A name with its pointers followed.
fn expand(message: &[u8], mut at: usize) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    let mut pointers = 0;
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(name),
            1..=63 => {
                name.extend_from_slice(message.get(at..=at + usize::from(length))?);
                at += 1 + usize::from(length);
            }
            0xc0.. => {
                at = usize::from(length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                pointers += 1;
            }
            _ => return None,
        }
        if pointers > MOST_POINTERS || name.len() >= NAME_BYTES {
            return None;
        }
    }
}

fn find_edns(
    message: &[u8],
    mut at: usize,
    answers: u16,
    authority: u16,
    additional: u16,
) -> Option<u16> {
    for _ in 0..usize::from(answers) + usize::from(authority) + usize::from(additional) {
        let fields = skip_name(message, at)?;
        let head = message.get(fields..fields + 10)?;
        if u16::from_be_bytes([head[0], head[1]]) == OPT {
            return Some(u16::from_be_bytes([head[2], head[3]]));
        }
        at = fields + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
    }
    None
}
