//! What a request asks for: a user, and the procedures to run for that user (docs/spec/request.md).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A request, as far as this engine understands it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom it is about.
    pub user: String,
    /// The licence the user is to have.
    pub licence: String,
    /// What is to be done, in order.
    pub procedures: Vec<Procedure>,
}

/// What this engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedure {
    /// `Accounts` `CreateAccount`
    CreateAccount,
    /// `Mail` `CreateMailbox`
    CreateMailbox,
    /// `Licences` `AssignLicence`
    AssignLicence,
}

/// Why a document is no request to this engine.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It cannot be read.
    #[error("the request cannot be read: {0}")]
    Xml(#[from] quick_xml::Error),
    /// An attribute cannot be read.
    #[error("an attribute of the request cannot be read: {0}")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    /// Nobody is named.
    #[error("the request names no user: 1 to 64 of a-z, 0-9 and -")]
    NoUser,
    /// It wants something else.
    #[error("the request wants {namespace} {procedure}, which this engine does not know")]
    Unknown {
        /// Of this namespace.
        namespace: String,
        /// This procedure.
        procedure: String,
    },
}

impl Procedure {
    const ALL: [Self; 3] = [Self::CreateAccount, Self::CreateMailbox, Self::AssignLicence];

    /// Its namespace and its name.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::CreateAccount => ("Accounts", "CreateAccount"),
            Self::CreateMailbox => ("Mail", "CreateMailbox"),
            Self::AssignLicence => ("Licences", "AssignLicence"),
        }
    }

    fn parse(namespace: String, procedure: String) -> Result<Self, RequestError> {
        let known = Self::ALL.into_iter().find(|known| known.names() == (namespace.as_str(), procedure.as_str()));
        known.ok_or(RequestError::Unknown { namespace, procedure })
    }
}

impl Request {
    /// Reads a document.
    pub fn read(document: &[u8]) -> Result<Self, RequestError> {
        let mut reader = Reader::from_reader(document);
        let (mut user, mut licence) = (String::new(), String::new());
        let mut procedures = Vec::new();
        loop {
            match reader.read_event()? {
                Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                    "user" => {
                        user = attribute(&element, "name")?;
                        licence = attribute(&element, "licence")?;
                    }
                    "execute" => {
                        let names = (attribute(&element, "namespace")?, attribute(&element, "procedure")?);
                        procedures.push(Procedure::parse(names.0, names.1)?);
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
        }
        if is_name(&user) { Ok(Self { user, licence, procedures }) } else { Err(RequestError::NoUser) }
    }
}

/// A name that can be the name of a file.
pub fn is_name(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(is_usual)
}

/// References in an attribute are not resolved: no name that this engine takes has one.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, RequestError> {
    let found = element.try_get_attribute(name)?;
    Ok(found.map(|found| found.value.into_owned()).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read() {
        let document = br#"<request><data><user name="maria" licence="standard"/></data>
            <procedure namespace="Hosting" name="CreateUser">
              <execute namespace="Accounts" procedure="CreateAccount"><password sensitive="yes">x</password></execute>
              <execute namespace="Mail" procedure="CreateMailbox"/>
            </procedure></request>"#;
        let request = Request::read(document).unwrap();
        let procedures = vec![Procedure::CreateAccount, Procedure::CreateMailbox];
        assert_eq!(request, Request { user: "maria".into(), licence: "standard".into(), procedures });
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (document, why) in [
            ("<request><execute namespace=\"Mail\" procedure=\"Burn\"/></request>", "Mail Burn"),
            ("<request><user name=\"../etc\"/></request>", "names no user"),
            ("<request><user name=\"maria\"></request>", "cannot be read"),
        ] {
            let refused = Request::read(document.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
