//! Tests of `tenant`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::settings;

#[test]
fn names_that_mimir_knows_are_tenants() {
    for name in ["default-tenant", "a", "Team_7", "eu.west-1", "(x)!*'", &"x".repeat(MAX_TENANT_BYTES)] {
        assert_eq!(Tenant::new(name).unwrap().as_str(), name);
    }
    assert_eq!(Tenant::default(), Tenant::DEFAULT.parse().unwrap());
}

#[test]
fn names_that_would_leave_a_directory_are_refused() {
    let long = "x".repeat(MAX_TENANT_BYTES + 1);
    for name in ["", ".", "..", "a/b", "../a", "a b", "a\\b", "é", "a\0", "a|b", "a\n", &long] {
        let shown: String = name.chars().take(64).collect();
        assert_eq!(
            Tenant::new(name).unwrap_err().to_string(),
            format!("expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `{shown}`"),
        );
    }
}

#[test]
fn the_name_of_what_belongs_to_no_tenant_is_refused() {
    let expect = "expected a tenant other than `_weir`, which is the name of what belongs to none";
    assert_eq!(Tenant::new("_weir").unwrap_err().to_string(), expect);
    assert_eq!(settings::<Tenant>("_weir").unwrap_err(), format!("1:1: {expect}"));
    for name in ["weir", "_weir_", "_Weir", "__weir"] {
        assert_eq!(Tenant::new(name).unwrap().as_str(), name);
    }
}

#[test]
fn settings_have_only_tenants_that_are_valid() {
    assert_eq!(settings::<Tenant>("acme").unwrap().as_str(), "acme");
    assert_eq!(
        settings::<Tenant>("a/b").unwrap_err(),
        "1:1: expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `a/b`",
    );
}
