package commands

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	_ "image/jpeg" // formats of logos
	_ "image/png"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxLogoSide is the greatest width and height of a logo in pixels.
const maxLogoSide = 1200

// checkLogo checks that browsers can draw a logo; "" is valid. A [domain.DirectoryAccount] checks only
// its form: a decoder may change, and what is in the log must fold the same way for ever.
func checkLogo(uri string) error {
	if uri == "" {
		return nil
	}
	mediaType, encoded, err := domain.SplitLogo(uri)
	if err != nil {
		return err
	}
	picture, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("is not in base64: %w", err)
	}
	size, format, err := image.DecodeConfig(bytes.NewReader(picture))
	switch {
	case err != nil:
		return fmt.Errorf("is not a PNG or JPEG: %w", err)
	case "image/"+format != mediaType:
		return fmt.Errorf("is labeled %s but is a %s", mediaType, format)
	case size.Width < 1 || size.Height < 1 || size.Width > maxLogoSide || size.Height > maxLogoSide:
		return fmt.Errorf("has %d x %d pixels; at most %d x %d are allowed", size.Width, size.Height, maxLogoSide, maxLogoSide)
	}
	return nil
}
