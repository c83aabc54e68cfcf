//! How a list of names with numbers becomes a type.

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
