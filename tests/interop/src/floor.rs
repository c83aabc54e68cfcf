//! A floor of agents: a switch that has DNs and T-Library ports.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use crate::{Desk, Phone, Switch, ports};

/// A switch with the extensions 2001 to 2005, the extension 2009 whose phone is asked every second whether it is there, the Routing Point 8000, and its T-Library ports.
pub struct Floor {
    /// The switch.
    pub switch: Switch,
    /// The port of the T-Controller.
    pub tc_port: SocketAddr,
    /// The default port, of the Session Controller.
    pub default_port: SocketAddr,
    /// The port of the Interaction Proxy.
    pub ip_port: SocketAddr,
    /// The port of the Smart Proxy.
    pub monitor_port: SocketAddr,
}

impl Floor {
    /// Starts one; `wrap_up_s` is the after-call work of every agent.
    ///
    /// # Panics
    ///
    /// When the switch does not come up.
    pub fn start(wrap_up_s: u32) -> Self {
        Self::with(wrap_up_s, &[], &[], &[])
    }

    /// The same with further ports, as entries of `tlib.listen`, settings, and plugins that are asked before the stock ones.
    ///
    /// # Panics
    ///
    /// When the switch does not come up.
    pub fn with(wrap_up_s: u32, more: &[String], settings: &[&str], plugins: &[&Path]) -> Self {
        let [tc_port, default_port, ip_port, monitor_port] =
            [(); 4].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free())));
        let dns = format!(
            "dn=[{{number=[\"2001-2005\"],options={{wrap-up-time=\"{wrap_up_s}\"}}}},\
             {{number=\"2009\",options={{oos-check=\"1\",oos-force=\"5\"}}}},\
             {{number=[\"8000\"],type=\"routing-point\"}}]"
        );
        let ports = [
            ("TCport", tc_port),
            ("default", default_port),
            ("IPport", ip_port),
            ("SmartProxy", monitor_port),
        ];
        let listen = ports.map(|(name, bind)| format!("{{name=\"{name}\",bind=\"{bind}\"}}"));
        let listen = format!("tlib.listen=[{}]", [&listen[..], more].concat().join(","));
        let settings: Vec<&str> = [&[&*dns, &*listen], settings].concat();
        let switch = Switch::start(&settings, plugins);
        Self { switch, tc_port, default_port, ip_port, monitor_port }
    }

    /// A desktop, registered on these DNs at the T-Controller.
    ///
    /// # Panics
    ///
    /// When it is not taken.
    #[track_caller]
    pub fn desk(&self, dns: &[&str]) -> Desk {
        Desk::connect(self.tc_port, "desk", dns)
    }

    /// A routing client of the Session Controller, registered on the Routing Point.
    ///
    /// # Panics
    ///
    /// When it is not taken.
    #[track_caller]
    pub fn router(&self) -> Desk {
        Desk::connect(self.default_port, "router", &["8000"])
    }

    /// A pjsua2 phone of this user.
    ///
    /// # Panics
    ///
    /// When it does not register.
    #[track_caller]
    pub fn phone(&self, user: &str) -> Phone {
        Phone::register(&self.switch, user, 440)
    }
}
