//! Where the last lines of a file begin.

use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, SeekFrom},
};

const BLOCK_BYTES: u64 = 32 << 10;

/// The offset at which the last `lines` lines begin. A last line without its end counts as a line.
pub(super) async fn offset(file: &mut File, lines: u64) -> std::io::Result<u64> {
    let length = file.metadata().await?.len();
    if lines == 0 {
        return Ok(length);
    }
    let (mut end, mut seen) = (length, 0);
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        file.seek(SeekFrom::Start(start)).await?;
        block.resize(usize::try_from(end - start).unwrap_or(0), 0);
        file.read_exact(&mut block).await?;
        for (index, byte) in block.iter().enumerate().rev() {
            let at = start + index as u64;
            // The end of the last line begins nothing.
            if *byte == b'\n' && at + 1 < length {
                seen += 1;
                if seen == lines {
                    return Ok(at + 1);
                }
            }
        }
        end = start;
    }
    Ok(0)
}
