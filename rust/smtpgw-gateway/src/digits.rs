//! Numbers and addresses in text that is written for every message: format strings take many times as long.

use std::net::{IpAddr, SocketAddr};

/// Appends a number in decimal.
pub(crate) fn push_number(text: &mut String, number: u64) {
    let mut unit = 1;
    while number / unit >= 10 {
        unit *= 10;
    }
    while unit > 0 {
        text.push(digit(number / unit));
        unit /= 10;
    }
}

/// The last digit of a number.
pub(crate) const fn digit(number: u64) -> char {
    (b'0' + (number % 10) as u8) as char
}

/// Appends an address as its type displays it.
pub(crate) fn push_address(text: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    text.push('.');
                }
                push_number(text, octet.into());
            }
        }
        // Fewer, and shortened in the middle by rules of its own.
        IpAddr::V6(address) => text.push_str(&address.to_string()),
    }
}

/// An address with its port, as its type displays it.
pub(crate) fn socket_address(address: SocketAddr) -> String {
    if address.is_ipv6() {
        return address.to_string();
    }
    let mut text = String::with_capacity("255.255.255.255:65535".len());
    push_address(&mut text, address.ip());
    text.push(':');
    push_number(&mut text, address.port().into());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_others_write_them() {
        for number in [0, 7, 10, 99, 100, 65_535, 1_000_000_007, u64::MAX / 10, u64::MAX] {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn addresses_are_as_others_write_them() {
        for (address, port) in [("0.0.0.0", 0), ("192.0.2.10", 25), ("255.255.255.255", 65_535), ("2001:db8::1", 4_711)]
        {
            let Ok(address) = address.parse::<IpAddr>() else { panic!("{address}") };
            let mut text = String::new();
            push_address(&mut text, address);
            assert_eq!(text, address.to_string());
            let address = SocketAddr::new(address, port);
            assert_eq!(socket_address(address), address.to_string());
        }
    }
}
