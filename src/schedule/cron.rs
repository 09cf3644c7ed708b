//! Cron expressions, by croner, over the times of jiff.
//!
//! A time that the clock skips when it is set forward comes right after the gap; one that it shows
//! twice when it is set back comes once. Only `*` and steps follow the real time.
use std::cmp::Ordering;

use croner::{
    errors::CronError,
    parser::{CronParser, Seconds, Year},
    time::{CivilDateTime, CronDateTime, Resolution, Weekday},
};
use jiff::{SignedDuration, ZonedDateTime, civil, tz::AmbiguousOffset};

use super::Error;
use crate::model::Timestamp;

/// The first time after this one that the expression means.
pub(super) fn next(expr: &str, after: ZonedDateTime) -> Result<Timestamp, Error> {
    let not_cron =
        |error: CronError| Error::NotCron { expr: expr.to_owned(), why: error.to_string() };
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(expr).map_err(not_cron)?;
    match cron.find_next_occurrence(&Moment(after), false) {
        Ok(Moment(found)) => {
            let millis = u64::try_from(found.timestamp().as_millisecond());
            millis.map(Timestamp).map_err(|_| Error::Never { expr: expr.to_owned() })
        }
        Err(CronError::TimeSearchLimitExceeded | CronError::InvalidDate) => {
            Err(Error::Never { expr: expr.to_owned() })
        }
        Err(error) => Err(not_cron(error)),
    }
}

/// croner knows the times of jiff's earlier version only.
#[derive(Clone, Debug)]
struct Moment(ZonedDateTime);

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let it = self.0.datetime();
        let date = croner::time::CivilDate::from_ymd_opt(
            i32::from(it.year()),
            it.month().unsigned_abs().into(),
            it.day().unsigned_abs().into(),
        );
        let time = croner::time::CivilTime::from_hms_opt(
            it.hour().unsigned_abs().into(),
            it.minute().unsigned_abs().into(),
            it.second().unsigned_abs().into(),
        );
        // jiff has checked both.
        let first = croner::time::CivilDate::from_parts_unchecked(1970, 1, 1);
        CivilDateTime::new(date.unwrap_or(first), time.unwrap_or(croner::time::CivilTime::MIDNIGHT))
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(
            self.0.weekday().to_sunday_zero_offset().unsigned_abs().into(),
        )
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let found = self.0.time_zone().to_ambiguous_zoned_datetime(datetime(civil)?);
        let failed = |_| CronError::InvalidTime;
        Ok(match found.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Self(found.unambiguous().map_err(failed)?))
            }
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(
                Self(found.clone().earlier().map_err(failed)?),
                Self(found.later().map_err(failed)?),
            ),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

fn datetime(it: CivilDateTime) -> Result<civil::DateTime, CronError> {
    let failed = |_| CronError::InvalidDate;
    let small = |it: u32| i8::try_from(it).map_err(failed);
    let year = i16::try_from(it.year()).map_err(failed)?;
    let (month, day) = (small(it.month())?, small(it.day())?);
    let (hour, minute, second) = (small(it.hour())?, small(it.minute())?, small(it.second())?);
    civil::DateTime::new(year, month, day, hour, minute, second, 0)
        .map_err(|_| CronError::InvalidDate)
}
