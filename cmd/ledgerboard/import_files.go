package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/tempfile"
)

// importFile is what is known about a file after it was read.
type importFile struct {
	path    string
	size    int64
	hash    hash.Hash
	shared  bool // whether others may read the file
	doubled int  // the first line with an escape after its backslash was doubled; 0 for none
	escaped bool // whether a line has an escape as JSON has it
}

// Write takes what is read.
func (i *importFile) Write(p []byte) (int, error) {
	i.size += int64(len(p))
	return i.hash.Write(p)
}

func (i *importFile) record() domain.ImportedFile {
	return domain.ImportedFile{
		Name: filepath.Base(i.path), Bytes: i.size, SHA256: hex.EncodeToString(i.hash.Sum(nil)),
	}
}

// keptLine is a line of an entity or token, and where it is.
type keptLine struct {
	place

	line any
	at   time.Time // the time of the line, if it has none of its own
}

// metricLine is a line of a post or reading. There may be more of them than fit into memory. The
// line itself is in the spool, a temporary file without a name.
type metricLine struct {
	posts       bool   // whether the line registers a post
	fresh       uint8  // which of its events are new, a bit for each
	length      uint32 // of the line in the spool
	file        int32  // index into importRun.files
	number      int32
	offset      int64
	account, at int64 // the social account, and the time in microseconds
}

// read reads all lines. Those of entities, dashboards and tokens are kept in memory.
func (i *importRun) read(ctx context.Context) (err error) {
	if i.spool, err = tempfile.Unlinked("", "ledgerboard-import-"); err != nil {
		return fmt.Errorf("file for the readings: %w", err)
	}
	spool := bufio.NewWriter(i.spool)
	bar := newProgress(i.out.Err, "check (bytes)", 0)
	for _, path := range i.Files {
		if err := i.readFile(ctx, path, spool, bar); err != nil {
			return err
		}
	}
	bar.end()
	// Posts come first: a reading without published_at takes it from the post. The gains of a reading
	// are changed by an earlier one that follows it in the log.
	slices.SortFunc(i.metrics, func(a, b metricLine) int {
		switch {
		case a.posts && !b.posts:
			return -1
		case b.posts && !a.posts:
			return 1
		}
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.at, b.at), cmp.Compare(a.offset, b.offset))
	})
	return wrapError("copy the readings", spool.Flush())
}

func (i *importRun) readFile(ctx context.Context, path string, spool io.Writer, bar *progress) (err error) {
	in := os.Stdin
	if path != "-" {
		if in, err = os.Open(path); err != nil {
			return fmt.Errorf("open import file: %w", err)
		}
		defer in.Close()
	}
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("open import file: %w", err)
	}
	if info.Mode().IsRegular() { // the size of a pipe is not known
		bar.total += int(info.Size())
	}
	f := &importFile{path: path, hash: sha256.New(), shared: info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0}
	i.files = append(i.files, f)
	lines := bufio.NewScanner(io.TeeReader(contextReader{ctx, in}, f))
	lines.Buffer(nil, commands.MaxImportLine)
	number, before, reported := 0, i.lines, int64(0)
	for lines.Scan() {
		number++
		line := lines.Bytes()
		bar.add(int(f.size - reported)) // not the lines: ends of lines differ, and the last may have none
		reported = f.size
		if number == 1 {
			if line, err = secret.WithoutMark(line); err != nil {
				return usageError{fmt.Errorf("%s %w", path, err)}
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if i.lines == before {
			if form := otherForm(bytes.TrimSpace(line)); form != "" {
				return usageError{fmt.Errorf("%s %s", path, form)}
			}
		}
		f.noteEscapes(number, line)
		if err := i.readLine(f, number, line, spool); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return usageError{fmt.Errorf("%s line %d is longer than %d bytes", path, number+1, commands.MaxImportLine)}
	case err != nil:
		return fmt.Errorf("read %s after line %d: %w", path, number, err)
	case i.lines == before: // the command that should write to a pipe may have failed
		return usageError{fmt.Errorf("%s has no lines", path)}
	case f.doubled > 0 && !f.escaped:
		return usageError{fmt.Errorf("%s line %d: each escape in this file has two backslashes, as mysql prints it "+
			"without --raw; export it with --raw", path, f.doubled)}
	}
	return nil
}

// otherForm says what a file is that does not have an object in its first line; "" if that is not
// known. Without it, each of its lines is refused, and none says what to do.
func otherForm(first []byte) string {
	switch {
	case bytes.HasPrefix(first, []byte("\x1f\x8b")):
		return "is compressed with gzip: decompress it"
	case bytes.HasPrefix(first, []byte("PK\x03\x04")):
		return "is a zip archive: extract its files"
	case bytes.HasPrefix(first, []byte("[")):
		return "is an array of JSON: write one object per line, for example with jq -c '.[]'"
	case bytes.Equal(first, []byte("{")):
		return "has objects of several lines: write one object per line, for example with jq -c ."
	}
	return ""
}

func (i *importRun) readLine(f *importFile, number int, raw []byte, spool io.Writer) error {
	// A later line must have a later time: the latest state of an entity is valid, and a file may
	// contain several of its states.
	i.lines++
	kept := keptLine{place: i.place(len(i.files)-1, number), at: i.now.Add(time.Duration(i.lines) * time.Microsecond)}
	line, err := commands.ReadImportLine(raw, i.registry, kept.at)
	if err != nil {
		i.refuse(kept.place, err)
		return nil
	}
	kept.line = line
	switch line := line.(type) {
	case domain.Draft:
		i.entities = append(i.entities, kept)
	case commands.ImportedToken:
		if f.shared {
			return usageError{fmt.Errorf("%s has tokens, and others may read it: chmod 600 %s", f.path, f.path)}
		}
		i.tokens = append(i.tokens, kept)
	case commands.ImportedDocument: // the dashboards of an agency are decided together
		i.agencies[line.ParentAccount] = append(i.agencies[line.ParentAccount], line.ImportedDashboard)
		i.documents[line.ParentAccount+line.SubAccountID+line.DocumentID] = kept.place
		i.documents[line.ParentAccount+line.SubAccountID] = kept.place
	case commands.MetricLine:
		_, posts := line.Data.(domain.PostRegistered)
		i.metrics = append(i.metrics, metricLine{
			posts: posts, file: int32(kept.file), number: int32(number), length: uint32(len(raw)), offset: i.spooled,
			account: line.Owner.SocialAccount, at: line.Data.Captured().UnixMicro(),
		})
		i.spooled += int64(len(raw))
		_, err := spool.Write(raw)
		return wrapError("copy the readings", err)
	}
	return nil
}

// spooledLine reads a line of a post or reading again.
func (i *importRun) spooledLine(m metricLine) (any, error) {
	raw := make([]byte, m.length)
	if _, err := i.spool.ReadAt(raw, m.offset); err != nil {
		return nil, fmt.Errorf("read %s again: %w", i.place(int(m.file), int(m.number)), err)
	}
	return commands.ReadImportLine(raw, i.registry, i.now)
}

// mysql without --raw doubles each backslash: no line has an odd number of them before an escape.
var (
	escape        = regexp.MustCompile(`(^|[^\\])(\\\\)*\\[^\\]`)
	doubledEscape = regexp.MustCompile(`\\\\["/bfnrtu]`)
)

func (i *importFile) noteEscapes(number int, line []byte) {
	if i.escaped || bytes.IndexByte(line, '\\') < 0 {
		return
	}
	if i.escaped = escape.Match(line); i.doubled == 0 && !i.escaped && doubledEscape.Match(line) {
		i.doubled = number
	}
}
