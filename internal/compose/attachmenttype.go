package compose

import (
	"path"
	"strings"
)

// typeOfName is the media type of a file name. The table is our own, since that of the system differs from host to host.
func typeOfName(name string) string {
	if kind := types[strings.ToLower(path.Ext(name))]; kind != "" {
		return kind
	}
	return "application/octet-stream"
}

var types = map[string]string{
	".7z":     "application/x-7z-compressed",
	".aac":    "audio/aac",
	".ai":     "application/postscript",
	".avi":    "video/x-msvideo",
	".avif":   "image/avif",
	".bmp":    "image/bmp",
	".bz2":    "application/x-bzip2",
	".css":    "text/css",
	".csv":    "text/csv",
	".doc":    "application/msword",
	".docx":   "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".epub":   "application/epub+zip",
	".gif":    "image/gif",
	".gz":     "application/gzip",
	".heic":   "image/heic",
	".htm":    "text/html",
	".html":   "text/html",
	".ico":    "image/vnd.microsoft.icon",
	".ics":    "text/calendar",
	".jpeg":   "image/jpeg",
	".jpg":    "image/jpeg",
	".js":     "text/javascript",
	".json":   "application/json",
	".m4a":    "audio/mp4",
	".md":     "text/markdown",
	".mov":    "video/quicktime",
	".mp3":    "audio/mpeg",
	".mp4":    "video/mp4",
	".mpeg":   "video/mpeg",
	".odp":    "application/vnd.oasis.opendocument.presentation",
	".ods":    "application/vnd.oasis.opendocument.spreadsheet",
	".odt":    "application/vnd.oasis.opendocument.text",
	".ogg":    "audio/ogg",
	".p7m":    "application/pkcs7-mime",
	".p7s":    "application/pkcs7-signature",
	".pdf":    "application/pdf",
	".pkpass": "application/vnd.apple.pkpass",
	".png":    "image/png",
	".ppt":    "application/vnd.ms-powerpoint",
	".pptx":   "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ps":     "application/postscript",
	".rar":    "application/vnd.rar",
	".rtf":    "application/rtf",
	".svg":    "image/svg+xml",
	".tar":    "application/x-tar",
	".tif":    "image/tiff",
	".tiff":   "image/tiff",
	".txt":    "text/plain",
	".vcf":    "text/vcard",
	".wav":    "audio/wav",
	".webm":   "video/webm",
	".webp":   "image/webp",
	".xls":    "application/vnd.ms-excel",
	".xlsx":   "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml":    "application/xml",
	".zip":    "application/zip",
}
