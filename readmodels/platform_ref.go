package readmodels

import "github.com/ledgerboard/ledgerboard/domain"

// PlatformRef names a platform.
type PlatformRef struct {
	Platform     domain.Platform `json:"p_id"`
	PlatformName string          `json:"platform"` // facebook, instagram, linkedin, tiktok
}

// PlatformRefOf returns the number and the name of a platform.
func PlatformRefOf(p domain.Platform) PlatformRef {
	return PlatformRef{Platform: p, PlatformName: p.String()}
}

// PlatformIDs are platforms as a parameter of a statement.
func PlatformIDs(platforms []domain.Platform) []int16 {
	ids := make([]int16, len(platforms))
	for i, p := range platforms {
		ids[i] = int16(p)
	}
	return ids
}
