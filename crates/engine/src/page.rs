//! A page of named records: what may be asked, which names are on it, which records cannot be read.

use strongroom_envelope::{Id, RecordKey};

use crate::find::Named;
use crate::name::{Name, check_prefix};
use crate::policy::{Action, Object};
use crate::rule::{Facts, PageRequest, Refusal, Stop};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// What the names begin with.
    pub prefix: &'a str,
    /// Only names greater than this one.
    pub after: Option<&'a str>,
    /// At most so many, and the most that may be asked for.
    pub limit: usize,
    pub most: usize,
}

/// The names of a page.
pub(crate) struct Names<'a> {
    /// Names and ids, rising by name.
    pub shown: &'a [(Name, Id)],
    /// Where the next page begins; none on the last.
    pub next: Option<Name>,
}

/// A record that cannot be read now; listed, so that one damaged record does not hide the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// Why.
    pub why: Refusal,
}

/// The names of a page, to a caller who may see what begins with the prefix.
pub(crate) fn names<'a, T: Named>(facts: &mut Facts<'a>, action: Action, asked: &Asked<'_>) -> Result<Names<'a>, Stop> {
    asked.check()?;
    facts.permit(action, Object::Name(asked.prefix))?;
    let request = PageRequest {
        kind: T::KIND,
        prefix: asked.prefix.to_owned(),
        after: asked.after.map(str::to_owned),
        // One more than is shown tells whether there is another page.
        limit: asked.limit + 1,
    };
    let found = facts.page(&request)?;
    let shown = found.get(..asked.limit).unwrap_or(found);
    let next = if shown.len() < found.len() { shown.last().map(|(name, _)| name.clone()) } else { None };
    Ok(Names { shown, next })
}

/// Reads the records of these names and hands each on that still has its name. Those that cannot be read are withheld.
pub(crate) fn records<'a, T: Named + 'a>(
    facts: &mut Facts<'a>,
    names: &[(Name, Id)],
    withheld: &mut Vec<Withheld>,
    mut take: impl FnMut(&mut Facts<'a>, Id, &'a T) -> Result<(), Stop>,
) -> Result<(), Stop> {
    facts.prefetch(names.iter().map(|(_, id)| RecordKey::new(T::KIND, *id)))?;
    for (name, id) in names {
        match facts.record::<T>(RecordKey::new(T::KIND, *id)) {
            Ok(Some(body)) if body.name() == name => take(facts, *id, body)?,
            // Renamed, deleted or destroyed since the page was made.
            Ok(_) => {}
            Err(Stop::Refused(why)) => withheld.push(Withheld { id: *id, name: name.clone(), why }),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

impl Asked<'_> {
    fn check(&self) -> Result<(), Refusal> {
        check_prefix(self.prefix)?;
        if let Some(after) = self.after {
            Name::parse(after)
                .map_err(|_| Refusal::Invalid { field: "after", reason: "it is not a name".to_owned() })?;
        }
        if (1..=self.most).contains(&self.limit) {
            return Ok(());
        }
        Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {}", self.most) })
    }
}
