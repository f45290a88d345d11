package analytics_test

import (
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func PlatformRefOf(p domain.Platform) readmodels.PlatformRef {
	return readmodels.PlatformRef{Platform: p, PlatformName: p.String()}
}
