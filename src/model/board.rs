//! A project board of GitHub.
use std::{fmt, str::FromStr};

/// `acme/3`, as in the address of the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRef {
    pub owner: String,
    pub number: u64,
}

impl FromStr for BoardRef {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (owner, number) = text.split_once('/').ok_or(())?;
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let is_owner = !owner.is_empty() && !owner.starts_with('-') && owner.bytes().all(is_plain);
        let number = number.parse().map_err(|_| ())?;
        if is_owner && number > 0 { Ok(Self { owner: owner.to_owned(), number }) } else { Err(()) }
    }
}

impl fmt::Display for BoardRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_named_by_owner_and_number() {
        assert_eq!("acme/3".parse::<BoardRef>().unwrap().to_string(), "acme/3");
        for bad in ["", "acme", "acme/", "/3", "acme/0", "acme/x", "-x/3", "a b/3", "a/3/4", "a/-3"]
        {
            assert!(bad.parse::<BoardRef>().is_err(), "{bad}");
        }
    }
}
