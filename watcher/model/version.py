"""The version, which everything else takes from here; guide/upgrade.md says what a new one may change."""

VERSION = "0.1.0"
