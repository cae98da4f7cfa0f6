//! The committed table is whole and says what Kubernetes says.

use super::*;

#[test]
fn the_table_round_trips() {
    let schemas = table::decode(include_bytes!("builtin.zst")).expect("the table decodes");
    let again = zstd::bulk::compress(&table::encode(&schemas), 3).expect("compresses");
    let again = table::decode(&again).expect("decodes again");
    assert!(schemas.types().eq(again.types()));
    assert_eq!(schemas.kinds(), again.kinds());
}
