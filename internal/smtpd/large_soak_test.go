//go:build soak

package smtpd

func init() { largeSize = 100 << 20 }
