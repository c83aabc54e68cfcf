//! How a list of names with numbers becomes a type.

/// The names of an enumeration with their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Names {
    /// The enumeration's own name.
    pub of: &'static str,
    /// Each name with its number, by number.
    pub values: &'static [(&'static str, u16)],
}

impl Names {
    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<u16> {
        self.values.iter().find(|(have, _)| *have == name).map(|(_, number)| *number)
    }

    /// The name of a number.
    pub fn name(&self, number: i64) -> Option<&'static str> {
        self.values.iter().find(|(_, have)| i64::from(*have) == number).map(|(name, _)| *name)
    }
}

/// Makes an enumeration whose values have a number on the wire and a name in the interface.
macro_rules! numbers {
    ($(#[$meta:meta])* pub enum $type:ident { $($(#[$one:meta])* $name:ident = $number:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs, reason = "the names are the interface's own")]
        #[repr(u16)]
        pub enum $type { $($(#[$one])* $name = $number,)* }

        impl $type {
            /// Every value, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its names with their numbers, for who reads or writes the names.
            pub const NAMES: $crate::Names =
                $crate::Names { of: stringify!($type), values: &[$((stringify!($name), $number),)*] };

            /// The value of this number; `None` for one that has no name.
            pub const fn of(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// Its number.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The value of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
        }

        impl From<$type> for $crate::Value {
            fn from(value: $type) -> Self {
                Self::Int(value as i64)
            }
        }
    };
}
