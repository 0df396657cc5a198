//! What the server and its child say to each other: one CBOR array each way.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};
use strongroom_secret::{KEY_BYTES, SecretBytes};

use super::refusal::TokenProblem;

/// How a secret is wrapped; the numbers stand in blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Mechanism {
    #[n(1)]
    AesKeyWrapPad,
    #[n(2)]
    AesKeyWrap,
    #[n(3)]
    RsaOaepSha256,
    #[n(4)]
    RsaOaepSha1,
}

/// One thing to do on a token.
pub(super) struct Request<'a> {
    pub(super) module: &'a str,
    pub(super) token: &'a str,
    pub(super) label: &'a str,
    pub(super) pin: &'a [u8],
    pub(super) work: Work<'a>,
}

/// What to do.
pub(super) enum Work<'a> {
    Wrap { secret: &'a [u8; KEY_BYTES] },
    Unwrap { mechanism: Mechanism, wrapped: &'a [u8] },
}

/// What was done.
pub(super) enum Reply {
    Wrapped { mechanism: Mechanism, wrapped: Vec<u8> },
    Secret(SecretBytes),
}

impl<'a> Request<'a> {
    pub(super) fn to_bytes(&self) -> SecretBytes {
        in_wiped_memory(|encoder| {
            encoder.array(6)?.str(self.module)?.str(self.token)?.str(self.label)?.bytes(self.pin)?;
            match &self.work {
                Work::Wrap { secret } => encoder.null()?.bytes(*secret)?.ok(),
                Work::Unwrap { mechanism, wrapped } => encoder.encode(mechanism)?.bytes(wrapped)?.ok(),
            }
        })
    }

    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        expect_array(&mut decoder, 6)?;
        let (module, token, label, pin) = (decoder.str()?, decoder.str()?, decoder.str()?, decoder.bytes()?);
        let mechanism: Option<Mechanism> = decoder.decode()?;
        let content = decoder.bytes()?;
        let work = match mechanism {
            Some(mechanism) => Work::Unwrap { mechanism, wrapped: content },
            None => Work::Wrap { secret: content.try_into().map_err(|_| DecodeError::message("32 bytes"))? },
        };
        Ok(Self { module, token, label, pin, work })
    }
}

/// `[problem or null, mechanism or null, bytes]`
pub(super) fn reply_bytes(outcome: &Result<Reply, TokenProblem>) -> SecretBytes {
    in_wiped_memory(|encoder| {
        encoder.array(3)?;
        match outcome {
            Err(problem) => encoder.encode(problem)?.null()?.bytes(b"")?.ok(),
            Ok(Reply::Wrapped { mechanism, wrapped }) => encoder.null()?.encode(mechanism)?.bytes(wrapped)?.ok(),
            Ok(Reply::Secret(secret)) => encoder.null()?.null()?.bytes(secret.expose())?.ok(),
        }
    })
}

/// `None` when the child did not come as far as a reply.
pub(super) fn read_reply(bytes: &SecretBytes, is_success: bool) -> Option<Result<Reply, TokenProblem>> {
    let read = |decoder: &mut Decoder<'_>| -> Result<_, DecodeError> {
        expect_array(decoder, 3)?;
        let problem: Option<TokenProblem> = decoder.decode()?;
        let mechanism: Option<Mechanism> = decoder.decode()?;
        let content = decoder.bytes()?;
        Ok(match (problem, mechanism) {
            (Some(problem), _) => Err(problem),
            (None, Some(mechanism)) => Ok(Reply::Wrapped { mechanism, wrapped: content.to_vec() }),
            (None, None) => Ok(Reply::Secret(SecretBytes::from_slice(content))),
        })
    };
    if is_success { read(&mut Decoder::new(bytes.expose())).ok() } else { None }
}

fn expect_array(decoder: &mut Decoder<'_>, length: u64) -> Result<(), DecodeError> {
    if decoder.array()? == Some(length) { Ok(()) } else { Err(DecodeError::message("an array of another length")) }
}

type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

fn in_wiped_memory(write: impl FnOnce(&mut Encoder<Wiped>) -> Written) -> SecretBytes {
    let mut encoder = Encoder::new(Wiped(SecretBytes::with_capacity(4096)));
    write(&mut encoder).expect("writing to memory does not fail");
    encoder.into_writer().0
}

/// A writer whose outgrown buffers are wiped.
struct Wiped(SecretBytes);

impl Write for Wiped {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
