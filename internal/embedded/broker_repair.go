package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// entryFrame is kfake's frame of one entry: length (of version and data), CRC-32C (of the same), version. Little endian.
const (
	entryLengthBytes  = 4
	entryCRCBytes     = 4
	entryVersionBytes = 2
)

// repairEntryLogs cuts the torn last entry off kfake's group and producer logs. kfake itself skips a torn tail when it
// reads, but goes on appending behind it, and the next start then drops everything behind it: committed offsets and
// producer ids of a whole run. (It does cut its segment files.)
func repairEntryLogs(dir string, logger *slog.Logger) error {
	for _, name := range []string{"groups.log", "pids.log"} {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		valid := validEntryBytes(raw)
		if valid == len(raw) {
			continue
		}
		logger.Warn("embedded broker: cutting a torn tail", "file", path, "bytes", len(raw)-valid)
		if err := truncateSynced(path, int64(valid)); err != nil {
			return fmt.Errorf("repair %s: %w", name, err)
		}
	}
	return nil
}

func validEntryBytes(raw []byte) int {
	table := crc32.MakeTable(crc32.Castagnoli)
	pos := 0
	for {
		rest := raw[pos:]
		if len(rest) < entryLengthBytes+entryCRCBytes+entryVersionBytes {
			return pos
		}
		length := uint64(binary.LittleEndian.Uint32(rest))
		body := rest[entryLengthBytes+entryCRCBytes:]
		if length < entryVersionBytes || length > uint64(len(body)) {
			return pos
		}
		if crc32.Checksum(body[:length], table) != binary.LittleEndian.Uint32(rest[entryLengthBytes:]) {
			return pos
		}
		pos += entryLengthBytes + entryCRCBytes + int(length)
	}
}

func truncateSynced(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}
