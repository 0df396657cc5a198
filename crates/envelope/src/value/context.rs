//! The context of a value: named texts that must be the same when it is opened.

/// Pairs of name and text, in rising order of the names' bytes, no name twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    bytes: Vec<u8>,
}

/// The pairs are not a context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextRefusal {
    /// Too many pairs.
    #[error("a context has at most {} pairs, found {count}", Context::MOST_PAIRS)]
    Pairs {
        /// How many there were.
        count: usize,
    },
    /// A name is empty or too long.
    #[error("the name of a context pair has 1 to {} bytes, found {length}", Context::LONGEST)]
    Name {
        /// How long it was.
        length: usize,
    },
    /// A text is too long.
    #[error("the text of {name:?} has at most {} bytes, found {length}", Context::LONGEST)]
    Text {
        /// The name it stands under.
        name: String,
        /// How long it was.
        length: usize,
    },
    /// A name stands twice.
    #[error("the context has the name {name:?} twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// The bytes are not a context as we write it.
    #[error("the bytes are not a context")]
    Malformed,
}

impl Context {
    /// The most pairs.
    pub const MOST_PAIRS: usize = 16;
    /// The most bytes of a name and of a text.
    pub const LONGEST: usize = 256;

    /// The context without pairs.
    #[must_use]
    pub fn empty() -> Self {
        Self::written(&[])
    }

    /// A context of these pairs, in whatever order they come.
    ///
    /// # Errors
    /// See [`ContextRefusal`].
    pub fn new<N, T>(pairs: impl IntoIterator<Item = (N, T)>) -> Result<Self, ContextRefusal>
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let pairs: Vec<(N, T)> = pairs.into_iter().take(Self::MOST_PAIRS + 1).collect();
        let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, text)| (name.as_ref(), text.as_ref())).collect();
        pairs.sort_unstable();
        check(&pairs)?;
        Ok(Self::written(&pairs))
    }

    /// Reads the bytes that [`Context::as_bytes`] gives.
    ///
    /// # Errors
    /// For every other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContextRefusal> {
        let pairs = read(bytes)?;
        check(&pairs)?;
        let context = Self::written(&pairs);
        if context.bytes == bytes { Ok(context) } else { Err(ContextRefusal::Malformed) }
    }

    /// `0x01 ‖ count u32 ‖ count × (length u32 ‖ name ‖ length u32 ‖ text)`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pairs, in rising order.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        read(&self.bytes).unwrap_or_default()
    }

    fn written(pairs: &[(&str, &str)]) -> Self {
        let length: usize = pairs.iter().map(|(name, text)| 8 + name.len() + text.len()).sum();
        let mut bytes = Vec::with_capacity(5 + length);
        bytes.push(WITH_CONTEXT);
        append_length(pairs.len(), &mut bytes);
        for (name, text) in pairs {
            for part in [name, text] {
                append_length(part.len(), &mut bytes);
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        Self { bytes }
    }
}

fn check(pairs: &[(&str, &str)]) -> Result<(), ContextRefusal> {
    if pairs.len() > Context::MOST_PAIRS {
        return Err(ContextRefusal::Pairs { count: pairs.len() });
    }
    for (name, text) in pairs {
        if name.is_empty() || name.len() > Context::LONGEST {
            return Err(ContextRefusal::Name { length: name.len() });
        }
        if text.len() > Context::LONGEST {
            return Err(ContextRefusal::Text { name: (*name).to_owned(), length: text.len() });
        }
    }
    for pair in pairs.windows(2) {
        let [(name, _), (next, _)] = pair else {
            continue;
        };
        if name == next {
            return Err(ContextRefusal::Twice { name: (*name).to_owned() });
        }
        if name > next {
            return Err(ContextRefusal::Malformed);
        }
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Vec<(&str, &str)>, ContextRefusal> {
    let (&form, mut rest) = bytes.split_first().ok_or(ContextRefusal::Malformed)?;
    if form != WITH_CONTEXT {
        return Err(ContextRefusal::Malformed);
    }
    let count = take_length(&mut rest)?;
    if count > Context::MOST_PAIRS {
        return Err(ContextRefusal::Pairs { count });
    }
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push((take_text(&mut rest)?, take_text(&mut rest)?));
    }
    Ok(pairs)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, ContextRefusal> {
    let length = take_length(rest)?;
    let (text, after) = rest.split_at_checked(length).ok_or(ContextRefusal::Malformed)?;
    *rest = after;
    core::str::from_utf8(text).map_err(|_| ContextRefusal::Malformed)
}

fn take_length(rest: &mut &[u8]) -> Result<usize, ContextRefusal> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or(ContextRefusal::Malformed)?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*length)).map_err(|_| ContextRefusal::Malformed)
}

fn append_length(length: usize, bytes: &mut Vec<u8>) {
    let length = u32::try_from(length).expect("names, texts and their number were checked");
    bytes.extend_from_slice(&length.to_be_bytes());
}

const WITH_CONTEXT: u8 = 0x01;
