//! What members refuse a tenant for itself is nothing to others.

use super::*;

/// What members say of a tenant alone: what it may have in the head, that there are too many, that it is being deleted.
const OWN: [fn() -> Error; 2] = [over, || Error::unavailable("`max_tenants`").of_tenant()];

fn over() -> Error {
    Error::new(Kind::Overloaded { retry_after: Some(Duration::from_secs(1)) }, "`head_bytes`")
}

fn of(tenant: &str) -> Batch {
    batch("up 1\nup 2").with_tenant(tenant.parse().unwrap())
}

/// Three members that refuse the tenant `noisy`.
fn refusing(own: fn() -> Error) -> Three {
    let three = Three::new("{}");
    for member in &three.members {
        member.answer(move |batch: &Batch| match batch.tenant().as_str() {
            "noisy" => Err(own()),
            _ => written(batch),
        });
    }
    three
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_members_refuse_hears_it_at_once_and_others_neither_wait_nor_hear_it() {
    for own in OWN {
        let three = refusing(own);
        let noisy = async {
            for _ in 0..300 {
                let begin = Instant::now();
                let error = three.next.send(of("noisy")).await.unwrap_err();
                let expect = format!("expected 2 of 3 members to write the batch, 0 did: {}", own().message());
                assert_eq!((error.report(), error.kind()), (expect, own().kind()));
                assert!(error.is_of_tenant(), "what is above must know");
                assert_eq!(begin.elapsed(), Duration::ZERO);
                sleep(Duration::from_millis(10)).await;
            }
        };
        let others = async {
            for _ in 0..100 {
                let begin = Instant::now();
                assert_eq!(three.next.send(of("quiet")).await.unwrap(), Ack::written(2));
                assert_eq!(begin.elapsed(), Duration::ZERO);
                sleep(Duration::from_millis(30)).await;
            }
        };
        tokio::join!(noisy, others);
        // No member was asked twice, and none counts as one that fails.
        for (got, member) in three.got().into_iter().zip(["a", "b", "c"]) {
            assert!(got <= 400, "{got}");
            assert_eq!(three.metric("weir_replicate_member_up", member, "").unwrap(), "1");
            assert_eq!(three.metric("weir_replicate_member_failures_total", member, "").unwrap(), "0");
            assert_eq!(three.metric("weir_replicate_missed_samples_total", member, ""), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_quorum_takes_a_tenants_batch_one_that_refuses_it_has_missed_it() {
    for own in OWN {
        let three = Three::new("{}");
        three.members[0].answer(move |_: &Batch| Err(own()));
        assert_eq!(three.send().await.unwrap(), Ack::written(2));
        assert_eq!(three.metric("weir_replicate_missed_samples_total", "a", "refused").unwrap(), "2");
        assert_eq!(three.metric("weir_replicate_pending_bytes", "a", "").unwrap(), "0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_fails_is_back_with_an_answer_that_is_about_a_tenant() {
    let three = refusing(over);
    for member in &three.members {
        member.answer(unavailable);
    }
    three.send().await.unwrap_err();
    assert_eq!(three.metric("weir_replicate_member_up", "b", "").unwrap(), "0");
    for member in &three.members {
        member.answer(|_: &Batch| Err(over()));
    }
    sleep(Duration::from_secs(2)).await;
    three.next.send(of("noisy")).await.unwrap_err();
    assert_eq!(three.metric("weir_replicate_member_up", "b", "").unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn of_what_members_say_that_comes_first_by_which_the_sender_comes_back() {
    let over = |_: &Batch| Err(over());
    let check = async |answers: [fn(&Batch) -> Result<Ack>; 3], expect: &str| {
        let three = Three::new("{}");
        for (member, answer) in three.members.iter().zip(answers) {
            member.answer(answer);
        }
        let error = three.send().await.unwrap_err();
        assert_eq!(error.report(), format!("expected 2 of 3 members to write the batch, {expect}"));
        error.is_of_tenant()
    };
    assert!(check([over, over, written], "0 did: `head_bytes`").await);
    assert!(check([invalid, over, written], "0 did: `head_bytes`").await);
    assert!(!check([over, unavailable, unavailable], "0 did: gone").await);
    // The set has no quorum, whoever asks.
    assert!(!check([written, over, unavailable], "1 did: gone").await);
}
