package console_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

const logoInBase64 = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR42mMQj6iHIwZkDgBdigdxnbz6RAAAAABJRU5ErkJggg=="

// upload sends the form of the logo as a browser does.
func (b *browser) upload(fields url.Values, file []byte) page {
	return b.send(http.MethodPost, "/console/brand", nil, func(r *http.Request) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name := range fields {
			require.NoError(b.t, form.WriteField(name, fields.Get(name)))
		}
		require.NoError(b.t, form.WriteField("drawn_for", b.drawnFor(r)))
		part, err := form.CreateFormFile("logo", "logo.png")
		require.NoError(b.t, err)
		_, err = part.Write(file)
		require.NoError(b.t, err)
		require.NoError(b.t, form.Close())
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Body = io.NopCloser(&body)
	})
}

// Staff choose the logo and the color that their clients see.
func TestStaffSetTheLogoAndTheColor(t *testing.T) {
	t.Parallel()
	r := newReal(t)
	r.log.Put(t, domain.DirectoryAccount{ID: agency, RowID: 1, Name: "North Star", Active: true})
	b := r.signedIn("agency")
	png, err := base64.StdEncoding.DecodeString(logoInBase64)
	require.NoError(t, err)

	b.get("/console/colleagues").says(http.StatusOK, `href="/console/brand"`)
	b.get("/console/brand").says(http.StatusOK, "North Star").lacks("/console/logo", "no_logo")
	b.upload(url.Values{"colour": {"#17587f"}}, png).leadsTo("/console/brand?saved")
	b.get("/console/brand?saved").says(http.StatusOK, "Saved.", `src="/console/logo"`, `value="#17587f"`)
	require.Equal(t, png, b.get("/console/logo").Body.Bytes())

	b.upload(url.Values{"colour": {"red"}}, []byte("hello")).says(http.StatusOK, "Nothing has been done yet", "Write a color as #", "Choose a PNG or JPEG of", `value="red"`)
	b.upload(url.Values{"colour": {""}}, nil).leadsTo("/console/brand?saved") // no file was chosen
	b.get("/console/brand").says(http.StatusOK, `src="/console/logo"`, `name="colour" value=""`)
	b.upload(url.Values{"colour": {""}, "no_logo": {"on"}}, nil).leadsTo("/console/brand?saved")
	b.get("/console/brand").says(http.StatusOK).lacks("/console/logo")

	b.upload(url.Values{"colour": {""}}, make([]byte, 1<<20)).says(http.StatusBadRequest, "The form has more than 1 MiB")
	form := url.Values{"tz": {strings.Repeat("x", 1<<20)}}
	b.post("/console/zone", form).says(http.StatusBadRequest, "The form has more than 1 MiB")
	b.send(http.MethodPost, "/console/zone", nil, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Body = io.NopCloser(strings.NewReader("tz=UTC&x=%zz&drawn_for=" + b.drawnFor(r)))
	}).says(http.StatusBadRequest, "The form could not be read")
}
