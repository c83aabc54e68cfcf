//! A phone: requests of one user over one link.

use sip::{
    Message, Name,
    auth::{Answer, Challenge},
};

use crate::link::Link;

/// One user at one link.
pub(crate) struct Phone {
    pub(crate) link: Link,
    pub(crate) user: String,
    pub(crate) domain: String,
    /// Names this phone in what must be unlike all others.
    name: String,
    sent: u32,
}

impl Phone {
    pub(crate) fn new(link: Link, user: String, domain: &str, thread: u32) -> Self {
        let name = format!("{}-{thread}-{}", std::process::id(), link.here.port());
        Self { link, user, domain: domain.to_owned(), name, sent: 0 }
    }

    /// An identifier nobody else has.
    pub(crate) fn mint(&mut self) -> String {
        self.sent += 1;
        format!("{}-{}", self.name, self.sent)
    }

    /// The URI others reach it at.
    pub(crate) fn contact(&self) -> String {
        format!("sip:{}@{}{}", self.user, self.link.here, self.link.transport.parameter())
    }

    /// Via of a request of ours.
    pub(crate) fn via(&mut self) -> String {
        let branch = self.mint();
        let Link { transport, here, .. } = &self.link;
        format!(
            "Via: SIP/2.0/{} {here};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n",
            transport.name()
        )
    }

    /// Registers, with an answer to a challenge where one comes.
    pub(crate) fn register(&mut self, password: Option<&str>) -> Result<(), String> {
        let call_id = self.mint();
        self.send_register(&call_id, 1, "")?;
        let response = self.final_response(&call_id)?;
        let response = match (response.status(), password) {
            (401, Some(password)) => {
                let more = self.credentials(&response, password)?;
                self.send_register(&call_id, 2, &more)?;
                self.final_response(&call_id)?
            }
            _ => response,
        };
        match response.status() {
            200 => Ok(()),
            status => Err(format!("REGISTER of {} got {status}", self.user)),
        }
    }

    fn send_register(&mut self, call_id: &str, cseq: u32, more: &str) -> Result<(), String> {
        let (via, contact) = (self.via(), self.contact());
        let Self { user, domain, .. } = self;
        let text = format!(
            "REGISTER sip:{domain} SIP/2.0\r\n{via}From: <sip:{user}@{domain}>;tag={call_id}\r\n\
             To: <sip:{user}@{domain}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: <{contact}>\r\n\
             Expires: 3600\r\nUser-Agent: Jackfield load\r\n{more}Content-Length: 0\r\n\r\n"
        );
        self.link.send(&text)
    }

    fn credentials(&mut self, response: &Message, password: &str) -> Result<String, String> {
        let values = response.fields().filter(|field| field.name == Name::WwwAuthenticate);
        let values = values.filter_map(|field| std::str::from_utf8(field.value).ok());
        let challenge =
            Challenge::strongest(values).ok_or("a challenge that cannot be answered")?;
        let cnonce = self.mint();
        let uri = format!("sip:{}", self.domain);
        let value = challenge.answer(&Answer {
            user: &self.user,
            password,
            method: "REGISTER",
            uri: &uri,
            cnonce: &cnonce,
            count: 1,
        });
        Ok(format!("Authorization: {value}\r\n"))
    }

    /// The final response to what was sent with this Call-ID; what belongs to an earlier request is passed over.
    pub(crate) fn final_response(&mut self, call_id: &str) -> Result<Message, String> {
        loop {
            let message = self.response(call_id)?;
            if message.status() >= 200 {
                return Ok(message);
            }
        }
    }

    /// The next response to what was sent with this Call-ID.
    pub(crate) fn response(&mut self, call_id: &str) -> Result<Message, String> {
        loop {
            let message = self.link.receive()?;
            if !message.is_request() && message.call_id() == call_id {
                return Ok(message);
            }
        }
    }
}
