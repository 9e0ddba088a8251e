"""Files and text that are safe to read and write.

drafts       files that appear whole or not at all
downloads    files from the network
folders      where files of the user lie
yaml_values  YAML of plain values
recursion    bounds for nested input
tables       text in tables that a spreadsheet may open
"""

from matjax.files.downloads import download as download
from matjax.files.drafts import clear_drafts as clear_drafts
from matjax.files.drafts import draft as draft
from matjax.files.drafts import write_arrays as write_arrays
from matjax.files.drafts import write_text as write_text
from matjax.files.folders import cache_folder as cache_folder
from matjax.files.recursion import bounded_recursion as bounded_recursion
from matjax.files.tables import cell as cell
