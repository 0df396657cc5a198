//! `inet` and `cidr`: an address with the length of its network.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address with the length of its network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// `address` or `address/bits`; short forms such as `10/8` are refused.
    pub(super) fn of_text(value: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(value).ok()?;
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = most_bits(address);
        let bits = match bits {
            None => most,
            Some("0") => 0,
            Some(digits) if digits.starts_with(|first: char| first.is_ascii_digit() && first != '0') => {
                digits.parse().ok()?
            }
            Some(_) => return None,
        };
        (bits <= most).then_some(Self { address, bits })
    }

    /// Family, bits, whether it is a network, length, address.
    pub(super) fn of_binary(value: &[u8]) -> Option<Self> {
        let ([family, bits, _, length], address) = value.split_first_chunk::<4>()?;
        let address = match (*family, *length) {
            (IPV4, 4) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?)),
            (IPV6, 16) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)),
            _ => return None,
        };
        (*bits <= most_bits(address)).then_some(Self { address, bits: *bits })
    }

    /// Itself, unless it should be a network and has bits behind the network's.
    pub(super) fn of_kind(self, is_network: bool) -> Option<Self> {
        let host = match self.address {
            IpAddr::V4(address) => u128::from(u32::from(address).checked_shl(self.bits.into()).unwrap_or(0)),
            IpAddr::V6(address) => u128::from(address).checked_shl(self.bits.into()).unwrap_or(0),
        };
        (!is_network || host == 0).then_some(self)
    }

    /// As PostgreSQL shows it: the length of the network where it says something.
    pub(super) fn text(&self, is_network: bool) -> String {
        let address = match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => text_of_v6(address),
        };
        if is_network || self.bits < most_bits(self.address) { format!("{address}/{}", self.bits) } else { address }
    }

    pub(super) fn show_binary(&self, is_network: bool, out: &mut Vec<u8>) {
        let (family, length) = match self.address {
            IpAddr::V4(_) => (IPV4, 4),
            IpAddr::V6(_) => (IPV6, 16),
        };
        out.extend_from_slice(&[family, self.bits, is_network.into(), length]);
        match self.address {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
    }
}

/// As BIND and PostgreSQL write it: an address of the old protocol inside shows its dots, also without the mark that says so.
fn text_of_v6(address: Ipv6Addr) -> String {
    let [a, b, c, d, e, f, g, _] = address.segments();
    let begins_with_zeros = (a, b, c, d, e) == (0, 0, 0, 0, 0);
    let [.., w, x, y, z] = address.octets();
    if begins_with_zeros && f == 0 && g != 0 {
        return format!("::{w}.{x}.{y}.{z}");
    }
    address.to_string()
}

const fn most_bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// PostgreSQL's numbers of the families.
const IPV4: u8 = 2;
const IPV6: u8 = 3;
