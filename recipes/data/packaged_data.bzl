"""Files of Debian packages that recipes and tests read; packages.txt lists the packages for bazel/setup."""

load("//bazel:debian_data.bzl", "debian_data")

def packaged_data():
    # Names of countries and languages: a .mo file for each language, and JSON.
    debian_data(
        name = "iso_codes",
        packages = ["iso-codes"],
        under = [
            "/usr/share/iso-codes/json",
            "/usr/share/locale/de/LC_MESSAGES",
            "/usr/share/locale/fr/LC_MESSAGES",
            "/usr/share/locale/hi/LC_MESSAGES",
        ],
    )

    # What a missing package looks like: no file, no error (packaged_data_test).
    debian_data(
        name = "absent_package",
        packages = ["roux-no-such-package"],
    )
