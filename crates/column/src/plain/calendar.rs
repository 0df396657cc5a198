//! The Gregorian calendar, without time zones: days since 2000-01-01, and dates.

/// A date; year 0 is the year before year 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Day {
    /// The date, if there is one.
    pub(super) const fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        if month < 1 || month > 12 || day < 1 || day > days_of(year, month) {
            None
        } else {
            Some(Self { year, month, day })
        }
    }

    /// Days since 2000-01-01. Years begin in March here, so that the day that some years have comes last.
    pub(super) const fn number(self) -> i64 {
        let (year, month) = if self.month > 2 { (self.year, self.month - 3) } else { (self.year - 1, self.month + 9) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * month + 2) / 5 + self.day - 1;
        era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - MARCH_OF_0_TO_2000
    }

    /// The date so many days after 2000-01-01.
    pub(super) const fn of(number: i64) -> Self {
        let since_march_0 = number + MARCH_OF_0_TO_2000;
        let (era, of_era) = (since_march_0.div_euclid(DAYS_OF_ERA), since_march_0.rem_euclid(DAYS_OF_ERA));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (DAYS_OF_ERA - 1)) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year_of_era;
        if month < 10 { Self { year, month: month + 3, day } } else { Self { year: year + 1, month: month - 9, day } }
    }
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of 400 years.
const DAYS_OF_ERA: i64 = 146_097;
/// From 0000-03-01 to 2000-01-01.
const MARCH_OF_0_TO_2000: i64 = 730_425;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_known() {
        for (year, month, day, number) in [
            (2000, 1, 1, 0),
            (2000, 2, 29, 59),
            (2000, 3, 1, 60),
            (1970, 1, 1, -10_957),
            (1, 1, 1, -730_119),
            (9999, 12, 31, 2_921_939),
        ] {
            let date = Day::new(year, month, day).expect("a date");
            assert_eq!(date.number(), number, "{year}-{month}-{day}");
            assert_eq!(Day::of(number), date);
        }
    }

    #[test]
    fn every_day_there_and_back() {
        for number in -731_000..2_930_000 {
            let date = Day::of(number);
            assert_eq!(Day::new(date.year, date.month, date.day).map(Day::number), Some(number));
        }
    }

    #[test]
    fn no_such_day() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (2024, 1, 0)]
        {
            assert_eq!(Day::new(year, month, day), None);
        }
    }
}
