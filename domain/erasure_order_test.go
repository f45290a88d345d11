package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestErasureOrderSaysWhoWhyAndByWhen(t *testing.T) {
	t.Parallel()
	good := domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonCustomerRequest}}
	require.NoError(t, good.Validate())
	for want, change := range map[string]func(*domain.ErasureOrder){
		"nobody who orders": func(o *domain.ErasureOrder) { o.By = "somebody" },
		"no ground":         func(o *domain.ErasureOrder) { o.Ground = "" },
		"no day":            func(o *domain.ErasureOrder) { o.Due = "2026-02-30" },
		`reason "" is none`: func(o *domain.ErasureOrder) { o.Reason.Code = "" },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, bad.Validate(), want)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(bad.Validate()))
		require.Error(t, domain.PersonErased{Order: bad}.Validate())
	}
	require.NoError(t, domain.PersonErased{}.Validate(), "records of before have none")
}
