//! Programs that fail, and what becomes of them.

use std::time::Duration;

use super::*;

/// Does `script` the first time, and echoes from then on.
fn once(script: &str) -> String {
    format!("if mkdir \"$0/first\" 2>/dev/null; then {script}; fi; exec cat")
}

/// Sends a batch that a program fails to answer, and another one once it has been started again.
async fn check(script: &str, more: &str, reason: &str, kind: impl Fn(Kind) -> bool, message: &str) {
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    let next = super::script(&once(script), directory.path(), more).wrap(&context, rest.next()).unwrap();
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert!(kind(error.kind()), "{error:?}");
    assert_eq!(error.message(), message);
    assert!(rest.requests().is_empty());
    // What comes before it is started again hears why it has to wait.
    let error = next.send(batch("up 2")).await.unwrap_err();
    let Kind::Unavailable { retry_after: Some(wait) } = error.kind() else { panic!("{error:?}") };
    assert!(error.message().starts_with("`sh` is started again in "), "{error}");
    tokio::time::sleep(wait).await;
    assert_eq!(next.send(batch("up 3")).await.unwrap(), Ack::written(1));
    assert_eq!(rest.requests().iter().map(text).collect::<String>(), "up 3\n");
    assert_eq!(metric(&context, "weir_exec_failures_total", &format!(",reason=\"{reason}\"")), 1);
    assert_eq!(metric(&context, "weir_exec_restarts_total", ""), 1);
    assert_eq!(metric(&context, "weir_exec_running", ""), 1);
}

fn is_unavailable(kind: Kind) -> bool {
    matches!(kind, Kind::Unavailable { retry_after: Some(wait) } if wait <= Duration::from_millis(100))
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_is_started_again() {
    let read = "head -c 1 >/dev/null";
    check(&format!("{read}; exit 3"), "", "ended", is_unavailable, "`sh` ended: exit status: 3").await;
    check(&format!("{read}; exit 0"), "", "ended", is_unavailable, "`sh` ended: exit status: 0").await;
    let killed = format!("{read}; kill -KILL $$");
    check(&killed, "", "ended", is_unavailable, "`sh` ended: signal: 9 (SIGKILL)").await;
}

#[tokio::test]
async fn a_program_that_hangs_is_started_again() {
    // The system's time: what hangs would keep a paused one from going on. Long enough for `cat` on a machine that is
    // busy.
    let more = "timeout: 2s, restart: { initial: 1m, max: 1m }";
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    let next = script("exec sleep 1000", directory.path(), more).wrap(&context, rest.next()).unwrap();
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::TimedOut, "`sh` did not answer within 2s"));
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unavailable { retry_after: Some(_) }), "{error:?}");
    assert!(error.message().ends_with("it did not answer within 2s"), "{error}");
    assert_eq!(metric(&context, "weir_exec_failures_total", ",reason=\"timeout\""), 1);
    assert_eq!(metric(&context, "weir_exec_running", ""), 0);
}

/// Waits until a process is no more; one that nobody has waited for counts as that.
async fn gone(pid: &str) {
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    };
    while is_there() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_a_program_has_started_is_killed_with_it() {
    let hangs = "sleep 1000 & echo $! > \"$0/pid\"; sleep 1000";
    let ends = "sleep 1000 & echo $! > \"$0/pid\"; head -c 1 >/dev/null; exit 3";
    for (what, kind) in [(hangs, "timeout"), (ends, "ended")] {
        let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
        let next = script(what, directory.path(), "timeout: 2s").wrap(&context, rest.next()).unwrap();
        let error = next.send(batch("up 1")).await.unwrap_err();
        assert_eq!(metric(&context, "weir_exec_failures_total", &format!(",reason=\"{kind}\"")), 1, "{error}");
        gone(&std::fs::read_to_string(directory.path().join("pid")).unwrap()).await;
    }
}

#[tokio::test]
async fn what_a_program_has_started_ends_with_the_pipeline() {
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    let starts = "sleep 1000 & echo $! > \"$0/pid\"; exec cat";
    let next = script(starts, directory.path(), "").wrap(&context, rest.next()).unwrap();
    assert_eq!(next.send(batch("up 1")).await.unwrap(), Ack::written(1));
    drop(next);
    assert!(context.close().await.is_empty());
    gone(&std::fs::read_to_string(directory.path().join("pid")).unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_says_something_else_is_started_again() {
    let says = |what: &str| format!("echo \"{what}\"; exec sleep 1000");
    let expect = "`sh` gave no answer: expected an Arrow message on its standard output, got \"hell\"…";
    check(&says("hello"), "", "answer", is_unavailable, expect).await;
    let large = "printf \"\\377\\377\\377\\377\\377\\377\\377\\177\"; exec sleep 1000";
    let expect = "`sh` gave no answer: a message says that 2147483647 bytes follow, more than `max_frame` lets it";
    check(large, "", "answer", is_unavailable, expect).await;
    // It has read first: what waits for a question after that would wait for ever where time stands still.
    let end = "head -c 1 >/dev/null; printf \"\\377\\377\\377\\377\\0\\0\\0\\0\"; exit 0";
    check(end, "", "ended", is_unavailable, "`sh` ended: exit status: 0").await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_answers_another_batch_is_started_again() {
    let directory = tempfile::tempdir().unwrap();
    stream(directory.path(), &[rows::question(&batch("up 1"), 7).unwrap()]);
    let rest = written();
    let next = script(CANNED, directory.path(), "").wrap(&context(), rest.next()).unwrap();
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.message(), "`sh` gave no answer: expected rows of batch 0, got one of batch 7");
    assert!(error.kind().is_retryable() && rest.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_answers_twice_is_started_again() {
    let directory = tempfile::tempdir().unwrap();
    let answer = rows::question(&batch("up 1"), 0).unwrap();
    stream(directory.path(), &[answer.clone(), answer.slice(0, 0)]);
    let next = script(CANNED, directory.path(), "").wrap(&context(), written().next()).unwrap();
    next.send(batch("up 1")).await.unwrap();
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.message(), "`sh` gave no answer: it said more than it was asked");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_while_it_has_nothing_to_do_is_noticed() {
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    let next = script(&once("exit 4"), directory.path(), "").wrap(&context, rest.next()).unwrap();
    let mut turns = 0;
    while metric(&context, "weir_exec_failures_total", ",reason=\"ended\"") == 0 {
        // A blocking task lets real time pass.
        tokio::task::spawn_blocking(|| std::process::Command::new("sleep").arg("0.01").status())
            .await
            .unwrap()
            .unwrap();
        turns += 1;
        assert!(turns < 3000, "nobody noticed");
    }
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert!(error.message().ends_with("it ended: exit status: 4"), "{error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(next.send(batch("up 1")).await.unwrap(), Ack::written(1));
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_the_longest_and_begin_anew_after_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let more = "restart: { initial: 100ms, max: 1s }";
    let works = "head -c 1 >/dev/null; [ -e \"$0/works\" ] || exit 1; cat \"$0/answer\"; exit 1";
    let next = script(works, directory.path(), more).wrap(&context(), written().next()).unwrap();
    let fails = async |longest: u64| {
        let error = next.send(batch("up 1")).await.unwrap_err();
        let Kind::Unavailable { retry_after: Some(pause) } = error.kind() else { panic!("{error:?}") };
        let longest = Duration::from_millis(longest);
        assert!(longest / 2 <= pause && pause <= longest, "{pause:?} of {longest:?}: {error}");
        tokio::time::sleep(pause).await;
    };
    for longest in [100, 200, 400, 800, 1000, 1000] {
        fails(longest).await;
    }
    // The numbers of batches go on: this is the seventh.
    stream(directory.path(), &[rows::question(&batch("up 1"), 6).unwrap()]);
    std::fs::write(directory.path().join("works"), "").unwrap();
    next.send(batch("up 1")).await.unwrap();
    std::fs::remove_file(directory.path().join("works")).unwrap();
    fails(100).await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_whose_program_is_not_there_does_not_start() {
    let exec: Exec = settings("command: [./no/such/program, --token, hunter2]").unwrap();
    let error = exec.wrap(&context(), written().next()).unwrap_err();
    let message = error.message();
    assert!(message.starts_with("`./no/such/program` can't be started: No such file"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_costs_nobody_else_the_program() {
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    // It answers nobody before those who ask are gone.
    let held = "until [ -e \"$0/go\" ]; do sleep 0.01; done; exec cat";
    let next = script(held, directory.path(), "").wrap(&context, rest.next()).unwrap();
    for _ in 0..10 {
        let mut gone = Box::pin(next.send(batch("up 1")));
        for _ in 0..3 {
            assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(gone.as_mut().poll(cx).is_pending())).await);
            tokio::task::yield_now().await;
        }
        drop(gone);
    }
    std::fs::write(directory.path().join("go"), "").unwrap();
    assert_eq!(next.send(batch("up 2")).await.unwrap(), Ack::written(1));
    assert_eq!(metric(&context, "weir_exec_restarts_total", ""), 0);
}
