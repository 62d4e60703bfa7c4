//! Parts of dates: the value is a time in seconds, the date in UTC.

use super::{ElementFunction, of_floats};
use crate::calendar::Moment;

/// `day_of_month(v)`: 1 to 31.
pub(super) static DAY_OF_MONTH: ElementFunction = of_floats("day_of_month", |v, _| Some(moment(v).day.into()));

/// `day_of_week(v)`: 0 is Sunday.
pub(super) static DAY_OF_WEEK: ElementFunction = of_floats("day_of_week", |v, _| Some(moment(v).weekday.into()));

/// `day_of_year(v)`: 1 to 366.
pub(super) static DAY_OF_YEAR: ElementFunction = of_floats("day_of_year", |v, _| Some(moment(v).year_day.into()));

/// `days_in_month(v)`: 28 to 31.
pub(super) static DAYS_IN_MONTH: ElementFunction =
    of_floats("days_in_month", |v, _| Some(moment(v).days_in_month().into()));

/// `hour(v)`: 0 to 23.
pub(super) static HOUR: ElementFunction = of_floats("hour", |v, _| Some(moment(v).hour.into()));

/// `minute(v)`: 0 to 59.
pub(super) static MINUTE: ElementFunction = of_floats("minute", |v, _| Some(moment(v).minute.into()));

/// `month(v)`: 1 to 12.
pub(super) static MONTH: ElementFunction = of_floats("month", |v, _| Some(moment(v).month.into()));

/// `year(v)`
pub(super) static YEAR: ElementFunction = of_floats("year", |v, _| Some(moment(v).year as f64));

fn moment(seconds: f64) -> Moment {
    // Where a float has no integer of 64 bits, an x86 answers with the least one, and so does Go there.
    let fits = (-(2f64.powi(63))..2f64.powi(63)).contains(&seconds);
    Moment::of(if fits { seconds as i64 } else { i64::MIN })
}
