//! What a client's bytes mean, and what ours look like. Source: RFC 6455, section 5.
//!
//! No I/O here, and nothing held between messages: a library's buffer keeps the room of the largest
//! message for as long as the socket lives, which over all sockets is more than a gateway has.

use bytes::{Buf as _, BytesMut};

use super::socket::Fault;

/// The largest message of a client's, in bytes.
pub(super) const LARGEST: usize = 256 * 1024;

/// The most that a control frame carries, in bytes.
const LARGEST_CONTROL: usize = 125;

/// The bits of a frame's first two bytes that are no number.
const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// More of the message that was begun.
    More = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::More, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Writes a frame as a server does: not masked.
pub(super) fn write(out: &mut BytesMut, kind: Kind, is_last: bool, payload: &[u8]) {
    let first = kind as u8 | if is_last { LAST } else { 0 };
    let length = payload.len();
    out.reserve(10 + length);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => out.extend_from_slice(&[first, length]),
        (_, Ok(length)) => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// What stands before a frame's payload.
struct Head {
    kind: Kind,
    is_last: bool,
    mask: [u8; 4],
    /// Of the head itself, in bytes.
    size: usize,
    /// Of the payload, in bytes.
    length: usize,
}

impl Head {
    /// Nothing if it is not all there yet. What is wrong with it is found as early as can be.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == first & 0x0f);
        let kind = kind.ok_or(Fault::NotWebSocket)?;
        let is_last = first & LAST != 0;
        let short = usize::from(second & !MASKED);
        let is_wrong_control = kind.is_control() && (!is_last || short > LARGEST_CONTROL);
        if first & RESERVED != 0 || second & MASKED == 0 || is_wrong_control {
            return Err(Fault::NotWebSocket);
        }
        let (length, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (short as u64, rest),
        };
        let length = usize::try_from(length).map_err(|_| Fault::TooLarge)?;
        let Some((mask, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let size = bytes.len() - rest.len();
        Ok(Some(Self { kind, is_last, mask: *mask, size, length }))
    }
}

/// What came, whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A message.
    Text(String),
    /// A message that is not text.
    Binary,
    /// To be answered with the same bytes.
    Ping(BytesMut),
    Pong,
    /// To be answered with the same code, if there is one.
    Close(Option<u16>),
}

/// The bytes of a client, as far as they make no frame yet.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    unread: BytesMut,
    /// A message of which there is more to come, and whether it is text.
    begun: Option<(bool, Vec<u8>)>,
}

impl Incoming {
    /// Takes what was read.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Whether something was begun and is not whole.
    pub(super) fn is_within(&self) -> bool {
        !self.unread.is_empty() || self.begun.is_some()
    }

    /// The next thing that is whole, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Fault> {
        while let Some(head) = Head::read(&self.unread)? {
            self.check(&head)?;
            if self.unread.len() - head.size < head.length {
                return Ok(None);
            }
            self.unread.advance(head.size);
            let mut payload = self.unread.split_to(head.length);
            if self.unread.is_empty() {
                // Gives the room back, which clearing would not.
                self.unread = BytesMut::new();
            }
            for (at, byte) in payload.iter_mut().enumerate() {
                *byte ^= head.mask[at % 4];
            }
            if let Some(frame) = self.take(&head, payload)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Whether a frame may come now, before it is all there.
    fn check(&self, head: &Head) -> Result<(), Fault> {
        let begun = self.begun.as_ref().map(|(_, message)| message.len());
        match (head.kind, begun) {
            (Kind::Close | Kind::Ping | Kind::Pong, _) => Ok(()),
            (Kind::More, None) | (Kind::Text | Kind::Binary, Some(_)) => Err(Fault::NotWebSocket),
            (Kind::More, Some(begun)) if head.length > LARGEST - begun => Err(Fault::TooLarge),
            (Kind::Text | Kind::Binary, None) if head.length > LARGEST => Err(Fault::TooLarge),
            (Kind::More | Kind::Text | Kind::Binary, _) => Ok(()),
        }
    }

    fn take(&mut self, head: &Head, payload: BytesMut) -> Result<Option<Frame>, Fault> {
        let (is_text, message) = match head.kind {
            Kind::Ping => return Ok(Some(Frame::Ping(payload))),
            Kind::Pong => return Ok(Some(Frame::Pong)),
            Kind::Close => return Ok(Some(Frame::Close(code(&payload)?))),
            Kind::Text | Kind::Binary => (head.kind == Kind::Text, Vec::from(payload)),
            Kind::More => {
                let (is_text, mut message) = self.begun.take().ok_or(Fault::NotWebSocket)?;
                message.extend_from_slice(&payload);
                (is_text, message)
            }
        };
        if !head.is_last {
            self.begun = Some((is_text, message));
            return Ok(None);
        }
        if !is_text {
            return Ok(Some(Frame::Binary));
        }
        String::from_utf8(message).map(|text| Some(Frame::Text(text))).map_err(|_| Fault::NotUtf8)
    }
}

/// The code of a close frame. Source: RFC 6455, section 7.4, and the registry that it began.
fn code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload.split_first_chunk().ok_or(Fault::NotWebSocket)?;
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::NotWebSocket);
    }
    std::str::from_utf8(reason).map(|_| Some(code)).map_err(|_| Fault::NotUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a client writes it.
    fn masked(kind: Kind, is_last: bool, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut frame = BytesMut::new();
        write(&mut frame, kind, is_last, payload);
        let size = frame.len() - payload.len();
        let (head, body) = frame.split_at(size);
        let mut all = head.to_vec();
        all[1] |= MASKED;
        all.extend(mask);
        all.extend(body.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        all
    }

    #[test]
    fn frames_look_as_the_rfc_s_examples_do() {
        let mut out = BytesMut::new();
        write(&mut out, Kind::Text, true, b"Hello");
        assert_eq!(out[..], *b"\x81\x05Hello");
        let mut incoming = Incoming::default();
        incoming.extend(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(incoming.next(), Ok(Some(Frame::Text("Hello".into()))));
        for (length, head) in
            [(256, &b"\x82\x7e\x01\x00"[..]), (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")]
        {
            let mut out = BytesMut::new();
            write(&mut out, Kind::Binary, true, &vec![0; length]);
            assert!(out.starts_with(head));
        }
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut incoming = Incoming::default();
        for is_last in [false, true] {
            let kind = if is_last { Kind::More } else { Kind::Text };
            incoming.extend(&masked(kind, is_last, [1, 2, 3, 4], &vec![b' '; LARGEST / 2]));
            let whole = incoming.next().unwrap();
            assert_eq!(whole.is_some(), is_last);
        }
        assert_eq!((incoming.unread.capacity(), incoming.is_within()), (0, false));
    }

    proptest! {
        #[test]
        fn a_message_survives_any_cuts_of_its_frames_and_of_its_bytes(
            text in ".{0,300}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            piece in 1_usize..400,
            mask: [u8; 4],
        ) {
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut bytes = Vec::new();
            for (n, window) in at.windows(2).enumerate() {
                let kind = if n == 0 { Kind::Text } else { Kind::More };
                let is_last = n + 2 == at.len();
                bytes.extend(masked(kind, is_last, mask, &text.as_bytes()[window[0]..window[1]]));
                bytes.extend(masked(Kind::Ping, true, mask, b"between"));
            }
            let mut incoming = Incoming::default();
            let mut texts = Vec::new();
            for piece in bytes.chunks(piece) {
                incoming.extend(piece);
                while let Some(frame) = incoming.next().unwrap() {
                    match frame {
                        Frame::Text(text) => texts.push(text),
                        Frame::Ping(payload) => prop_assert_eq!(&payload[..], b"between"),
                        Frame::Binary | Frame::Pong | Frame::Close(_) => prop_assert!(false),
                    }
                }
            }
            prop_assert_eq!(texts, [text]);
            prop_assert!(!incoming.is_within());
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut incoming = Incoming::default();
            incoming.extend(&bytes);
            while let Ok(Some(_)) = incoming.next() {}
            prop_assert!(incoming.unread.len() <= bytes.len());
        }
    }
}
