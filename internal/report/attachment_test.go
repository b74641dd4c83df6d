package report

import "testing"

func TestFileName(t *testing.T) {
	for name, form := range map[string]string{
		"mx.test!shop.test!1935792000!1935878399.xml.gz":      "xml",
		"mx.test!shop.test!1935792000!1935878399.xml":         "xml",
		"mx.test!shop.test!1935792000!1935878399!id.7.xml.gz": "xml",
		"mx.test!shop.test!1935792000!1935878399.id.XML":      "XML",
		"mx.test!shop.test!1935792000!1935878399!001.json.gz": "json",
		"mx.test!shop.test!1935792000!1935878399.zip":         "",
		"mx.test!shop.test!1935792000!1935878399!id.zip":      "",
		"report.xml":                                            "none",
		"shop.test!1935792000!1935878399.xml":                   "none",
		"mx.test!shop.test!may!june.xml":                        "none",
		"../mx.test!shop.test!1935792000!1935878399.xml":        "none",
		"look at!this one!1!2.xml":                              "none",
		"mx.test!shop.test!1935792000!1935878399.xml.gz.exe":    "none",
		"mx.test!shop.test!1935792000!1935878399!a!b.xml":       "none",
		"mx.test!shop.test!1935792000!1935878399":               "none",
		"mx.test!shop.test!19357920001935878399!1935878399.xml": "none",
	} {
		got := "none"
		if found := fileName.FindStringSubmatch(name); found != nil {
			got = found[1]
		}
		if got != form {
			t.Errorf("%s: %q, want %q", name, got, form)
		}
	}
}
