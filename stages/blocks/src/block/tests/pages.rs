//! Pages that are kept.

use super::*;

#[tokio::test]
async fn what_was_read_is_not_read_from_the_bucket_again() {
    let (shelf, objects) = shelf();
    // So many that they are not kept decoded.
    let series = sample_data(100, 3);
    let (start, end) = range(&series);
    let block = shelf.write(&Tenant::default(), start, end, table(&series)).await.unwrap().unwrap();
    assert_eq!(read(&*block, &[], start, end).await, series);
    for object in objects.list(None).await.unwrap() {
        objects.delete(&object.location).await.unwrap();
    }
    assert_eq!(read(&*block, &[], start, end).await, series);
}
