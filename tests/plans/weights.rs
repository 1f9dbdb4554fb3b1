// SPDX-License-Identifier: Apache-2.0

//! Compares the weight curves with independent computations, for every value.

use katacg::resources::{weight_from_blkio, weight_from_shares};

/// Computes log2 with 48 fractional bits, rounded down. It squares integers, without floats.
fn log2(value: u64) -> u128 {
    const BITS: u32 = 48;
    let whole = value.ilog2();
    let mut x = (u128::from(value) << 62) >> whole;
    let mut out = u128::from(whole);
    for _ in 0..BITS {
        x = (x * x) >> 62;
        out <<= 1;
        if x >= 2 << 62 {
            x >>= 1;
            out |= 1;
        }
    }
    out
}

/// With l = log2(shares), the weight is the smallest w with 10^((l-1)(l+126)/612) <= w. This test
/// compares (l-1)(l+126) * log2(10) <= 612 * log2(w). The specification writes the exponent as
/// (l² + 125l)/612 - 7/34, which is the same.
#[test]
fn cpu_weight_follows_the_curve_for_every_shares_value() {
    const ONE: u128 = 1 << 48;
    for (shares, weight) in [(0, 0), (1, 1), (2, 1), (1024, 100), (2000, 170), (262_144, 10_000)] {
        assert_eq!(weight_from_shares(shares), weight, "{shares}");
    }
    // The error of the truncated logarithm, times the factor above.
    let close = 1u128 << 16;
    let ten = log2(10);
    let mut weight = 1u64;
    let mut exact = Vec::new();
    for shares in 2..=262_200u64 {
        let l = log2(shares.min(262_144));
        let exponent = ((l - ONE) * (l + 126 * ONE)) >> 48;
        let left = (exponent * ten) >> 48;
        while 612 * log2(weight) + close < left {
            weight += 1;
        }
        if left + close >= 612 * log2(weight) {
            exact.push((shares, weight));
        }
        assert_eq!(weight_from_shares(shares), weight, "{shares}");
    }
    let fixed: Vec<_> = exact.into_iter().filter(|(shares, _)| *shares <= 262_144).collect();
    assert_eq!(
        fixed,
        [(2, 1), (1024, 100), (262_144, 10_000)],
        "only these are close to a whole number"
    );
    for shares in [262_145, 1 << 32, u64::MAX] {
        assert_eq!(weight_from_shares(shares), 10_000);
    }
}

#[test]
fn io_weight_is_the_scaled_blkio_weight_for_every_value() {
    for (weight, wanted) in [(0, 0), (10, 1), (11, 11), (100, 910), (500, 4950), (1000, 10_000)] {
        assert_eq!(weight_from_blkio(weight), wanted, "{weight}");
    }
    for weight in 10..=1000u16 {
        // 1 + (w-10) * 9999/990, rounded down; 9999/990 is 10.1.
        let wanted = 1 + (u64::from(weight) - 10) * 101 / 10;
        assert_eq!(weight_from_blkio(weight), wanted, "{weight}");
    }
    for weight in 0..=u16::MAX {
        let _ = weight_from_blkio(weight);
    }
}
