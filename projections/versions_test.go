package projections_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

var update = flag.Bool("update", false, "write the digests of this version of each projector (TestChangedDefinitionRequiresNewVersion)")

const (
	frozenFile  = "testdata/versions/log.json"
	digestsFile = "testdata/versions/digests.json"
	howToRenew  = `The frozen log gives other tables than version %d of projection %s gave, or its definition is another one.
Tables are never altered: raise Version of the projector, so that a new generation is built next to the live one. Then run
	go test ./projections -run TestChangedDefinitionRequiresNewVersion -update
and look at the difference of ` + digestsFile + `: a released version keeps its line.`
)

// versionDigest is the result of a projector version for the frozen log.
type versionDigest struct {
	Definition string            `json:"definition"` // of columns, keys, indexes and views
	Tables     map[string]string `json:"tables"`
	Outcomes   string            `json:"outcomes"` // dead letters and streams
}

// frozenRecord is a record of the frozen log, which never changes.
type frozenRecord struct {
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Key       string      `json:"key"`
	Headers   [][2]string `json:"headers"`
	Value     *string     `json:"value"` // null: a tombstone
}

// A change of a fold or a definition needs a new version of its projector: the same version gives
// the same tables.
func TestChangedDefinitionRequiresNewVersion(t *testing.T) {
	t.Parallel()
	topics := ledgertest.Topics(t, partitions)
	logs := frozenLogs(t, eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test"))
	digests := map[string]map[string]versionDigest{}
	readJSON(t, digestsFile, &digests)
	db := pgtest.New(t)
	for _, p := range every() {
		lines := ledgertest.Column[string](t, db.Pool, `
		select format('%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
		union all
		select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and not c.relispartition
		order by 1`, ddl.Schema(p.Name, 1))
		require.NotEmpty(t, lines)
		lines = append(lines, views(ddl.Of(p.Name))...)
		got := versionDigest{Definition: digestOf(lines), Tables: map[string]string{}}
		f := folding{db: db, topics: topics, projector: p}
		f.empty(t)
		require.NoError(t, f.run(logs[p.Topic].reader(0)))
		for _, table := range p.Tables {
			got.Tables[table] = digestOf(ledgertest.Dump(t, db, table))
		}
		got.Outcomes = digestOf(outcomes(t, db, p))
		version := strconv.Itoa(p.Version)
		if *update {
			if digests[p.Name] == nil {
				digests[p.Name] = map[string]versionDigest{}
			}
			digests[p.Name][version] = got
			continue
		}
		require.Equal(t, digests[p.Name][version], got, howToRenew, p.Version, p.Name)
	}
	if *update {
		raw, err := json.MarshalIndent(digests, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(digestsFile, append(raw, '\n'), 0o600))
	}
}

// views returns the statements that create the views of a definition, with single spaces: the server
// prints them differently in each version. A view is created with the tables of a generation, so a changed
// one must wait for the next.
func views(d ddl.Definition) (statements []string) {
	for _, statement := range createView.FindAllString(d.Tables(), -1) {
		statements = append(statements, strings.Join(strings.Fields(statement), " "))
	}
	return statements
}

var createView = regexp.MustCompile(`(?m)^create view [^;]*;`)

func digestOf(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// frozenLogs reads the frozen log: records of every topic, with poison, races, forgeries and
// operators' records.
func frozenLogs(t *testing.T, codec eventlog.Codec) map[string]*memLog {
	t.Helper()
	var records []frozenRecord
	readJSON(t, frozenFile, &records)
	require.NotEmpty(t, records)
	logs := map[string]*memLog{}
	for _, r := range records {
		if logs[r.Topic] == nil {
			logs[r.Topic] = newMemLog(codec, r.Topic)
		}
		record := eventlog.Record{Topic: r.Topic, Key: []byte(r.Key)}
		if r.Value != nil {
			record.Value = []byte(*r.Value)
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, eventlog.Header{Key: h[0], Value: []byte(h[1])})
		}
		logs[r.Topic].Add(record, r.Partition)
	}
	return logs
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}
