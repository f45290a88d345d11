package signin_test

import (
	"testing"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
