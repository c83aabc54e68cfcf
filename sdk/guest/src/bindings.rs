//! What `wit-bindgen` makes of the contract.

wit_bindgen::generate!({
    path: "../wit/v1",
    world: "plugin",
    additional_derives: [PartialEq, Eq],
    default_bindings_module: "jackfield_guest::bindings",
    export_macro_name: "export",
    pub_export_macro: true,
});
