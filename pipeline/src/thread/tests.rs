#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use super::*;
use crate::error::Kind;

#[tokio::test]
async fn work_is_done_on_a_thread_of_that_name_with_as_much_stack_as_it_needs() {
    fn deep(n: u32) -> u32 {
        let frame = std::hint::black_box([n; 1024]);
        if n == 0 { frame[0] } else { 1 + deep(frame[1] - 1) }
    }
    let name = || std::thread::current().name().map(str::to_owned);
    assert_eq!(apart("mine", None, name).await.unwrap().unwrap(), "mine");
    // Some 40 MiB, more than threads have.
    assert_eq!(apart("deep", Some(256 << 20), || deep(10_000)).await.unwrap(), 10_000);
}

#[tokio::test]
async fn work_that_panics_is_an_error() {
    let error = apart("mine", None, || panic!("no")).await.map(|()| 0).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Internal, "the thread `mine` panicked"));
}
