//! Types whose normal form is their text: what PostgreSQL would show of the plain column.

mod interval;
mod json;
mod network;

use super::given::{Given, exactly};
use super::{BadValue, Format, PlainType, Style, Tagged, oid, text};

/// The normal form of a value as it came, appended to `normal`.
pub(super) fn read(tagged: Tagged, value: &[u8], given: Given<'_>, normal: &mut Vec<u8>) -> Result<(), BadValue> {
    let column = PlainType::Tagged(tagged);
    let source = given.source(column.oid());
    let is_text = matches!(source, oid::TEXT | oid::VARCHAR | oid::BPCHAR);
    let converted = match tagged {
        Tagged::Enum | Tagged::Citext => is_text,
        Tagged::Json => source == oid::JSON || source == oid::JSONB,
        Tagged::Jsonb => source == oid::JSON || source == oid::JSONB,
        Tagged::Inet => source == oid::INET || source == oid::CIDR,
        Tagged::Xml | Tagged::Cidr | Tagged::Interval => source == column.oid(),
    };
    if !converted {
        return Err(given.unconverted(&column));
    }
    let binary = given.format == Format::Binary;
    match tagged {
        Tagged::Enum | Tagged::Citext | Tagged::Xml => {
            normal.extend_from_slice(text::valid(value, given.style)?.as_bytes());
        }
        Tagged::Json | Tagged::Jsonb => {
            let value = if binary && source == oid::JSONB { versioned(value)? } else { value };
            let text = text::valid(value, given.style)?;
            let canonical = json::canonical(text, tagged)?;
            let as_it_is = tagged == Tagged::Json && source == oid::JSON;
            normal.extend_from_slice(if as_it_is { text.as_bytes() } else { canonical.as_bytes() });
        }
        Tagged::Inet | Tagged::Cidr => {
            let address = if binary { network::Network::of_binary(value) } else { network::Network::of_text(value) };
            let address =
                address.ok_or(if binary { BadValue::Binary { type_name: "inet" } } else { syntax(tagged) })?;
            let address = address.of_kind(tagged == Tagged::Cidr).ok_or(syntax(tagged))?;
            normal.extend_from_slice(address.text(tagged == Tagged::Cidr).as_bytes());
        }
        Tagged::Interval => {
            let interval = if binary {
                interval::Interval::of_binary(exactly(value, "interval")?)
            } else {
                interval::Interval::of_text(value)?
            };
            normal.extend_from_slice(interval.text().as_bytes());
        }
    }
    Ok(())
}

/// What PostgreSQL would send for a normal form, appended to `out`.
pub(super) fn show(
    tagged: Tagged,
    normal: &[u8],
    format: Format,
    style: &Style,
    out: &mut Vec<u8>,
) -> Result<(), BadValue> {
    let stored = || BadValue::Stored { type_name: tagged.word().to_owned() };
    let text = core::str::from_utf8(normal).ok().filter(|text| !text.contains('\0')).ok_or_else(stored)?;
    if format == Format::Text {
        style.text()?;
        if tagged == Tagged::Interval && !style.interval_postgres {
            return Err(BadValue::NotSupported(
                "intervals of encrypted columns are shown with IntervalStyle postgres only; set IntervalStyle to postgres",
            ));
        }
        out.extend_from_slice(normal);
        return Ok(());
    }
    match tagged {
        Tagged::Json | Tagged::Xml | Tagged::Enum | Tagged::Citext => {
            style.text()?;
            out.extend_from_slice(normal);
        }
        Tagged::Jsonb => {
            style.text()?;
            out.push(JSONB_VERSION);
            out.extend_from_slice(normal);
        }
        Tagged::Inet | Tagged::Cidr => {
            let address = network::Network::of_text(text.as_bytes()).ok_or_else(stored)?;
            address.show_binary(tagged == Tagged::Cidr, out);
        }
        Tagged::Interval => {
            let interval = interval::Interval::of_text(text.as_bytes()).map_err(|_| stored())?;
            interval.show_binary(out);
        }
    }
    Ok(())
}

/// What stands behind the version of `jsonb`'s binary format.
fn versioned(value: &[u8]) -> Result<&[u8], BadValue> {
    match value.split_first() {
        Some((&JSONB_VERSION, rest)) => Ok(rest),
        _ => Err(BadValue::Binary { type_name: "jsonb" }),
    }
}

const fn syntax(tagged: Tagged) -> BadValue {
    BadValue::Syntax { type_name: tagged.word() }
}

const JSONB_VERSION: u8 = 1;
