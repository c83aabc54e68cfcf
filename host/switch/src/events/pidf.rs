//! The document of the package `presence`: PIDF (RFC 3863) with what a user does (RFC 4480).

use super::xml::Escaped;

/// Whether `entity`, a URI, can be reached at all, and whether it is in a call.
pub(super) fn document(entity: &str, is_open: bool, is_busy: bool) -> String {
    let entity = Escaped(entity);
    let basic = if is_open { "open" } else { "closed" };
    let (person, note) = match (is_open, is_busy) {
        (_, true) => (
            "<dm:person id=\"user\"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>\r\n",
            "On the phone",
        ),
        (true, false) => ("", "Online"),
        (false, false) => ("", "Offline"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\r\n\
         <tuple id=\"phone\"><status><basic>{basic}</basic></status><note>{note}</note></tuple>\r\n\
         {person}</presence>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_whether_a_user_can_be_reached_and_what_it_does() {
        let busy = document("sip:a&b@h", true, true).replace("\r\n", "\n");
        assert_eq!(
            busy,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:a&amp;b@h\">\n\
             <tuple id=\"phone\"><status><basic>open</basic></status><note>On the phone</note></tuple>\n\
             <dm:person id=\"user\"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>\n\
             </presence>\n"
        );
        assert!(
            document("sip:a@h", false, false)
                .contains("<basic>closed</basic></status><note>Offline<")
        );
    }
}
