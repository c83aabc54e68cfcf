//! What `wit-bindgen` makes of the contract: one module a hook, so that a plugin exports those it answers and no others. The
//! types are those of the first module.

/// The types of the contract and what a guest may ask of the host.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit/v1",
        world: "imports",
        additional_derives: [PartialEq, Eq],
    });
}

/// The bindings of one hook, with a macro that exports it.
macro_rules! hook {
    ($module:ident, $world:literal, $path:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit/v1",
                world: $world,
                with: {
                    "jackfield:plugin/types@1.0.0": crate::bindings::imports::jackfield::plugin::types,
                    "jackfield:plugin/snapshot@1.0.0":
                        crate::bindings::imports::jackfield::plugin::snapshot,
                    "jackfield:plugin/logging@1.0.0":
                        crate::bindings::imports::jackfield::plugin::logging,
                },
                additional_derives: [PartialEq, Eq],
                default_bindings_module: $path,
                export_macro_name: "export",
                pub_export_macro: true,
            });
        }
    };
}

hook!(admission, "admission-plugin", "jackfield_guest::bindings::admission");
hook!(authenticate, "authenticate-plugin", "jackfield_guest::bindings::authenticate");
hook!(register, "register-plugin", "jackfield_guest::bindings::register");
hook!(dial_plan, "dial-plan-plugin", "jackfield_guest::bindings::dial_plan");
hook!(route, "route-plugin", "jackfield_guest::bindings::route");
hook!(call_event, "call-event-plugin", "jackfield_guest::bindings::call_event");
hook!(header_policy, "header-policy-plugin", "jackfield_guest::bindings::header_policy");
hook!(dn_owner, "dn-owner-plugin", "jackfield_guest::bindings::dn_owner");
hook!(fan_out, "fan-out-plugin", "jackfield_guest::bindings::fan_out");
hook!(
    authorise_request,
    "authorise-request-plugin",
    "jackfield_guest::bindings::authorise_request"
);
hook!(migration, "migration-plugin", "jackfield_guest::bindings::migration");
hook!(route_on_failure, "route-on-failure-plugin", "jackfield_guest::bindings::route_on_failure");
