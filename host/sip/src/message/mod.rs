//! SIP messages (RFC 3261 sections 7, 20 and 25): a lazy scanner of the wire form, and a writer.

mod address;
mod error;
mod forward;
mod hint;
mod method;
mod name;
mod params;
mod parse;
mod replaces;
mod uri;
mod via;
mod view;
mod writer;

pub use address::{NameAddr, route_uri};
pub use error::{HeaderError, ParseError};
pub use forward::{body_of, forwarded_request, forwarded_response};
pub use hint::{Hint, shard_hint};
pub use method::Method;
pub use name::Name;
pub use params::Params;
pub use parse::ParseLimits;
pub use replaces::{BadReplaces, Replaces};
pub use uri::{Scheme, Uri, UriError, unescape};
pub use via::Via;
pub use view::{CSeq, Field, Message};
pub use writer::{RequestDraft, Writer, reason_phrase, response_to};
