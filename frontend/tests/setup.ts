/** What every test of the pages begins with. */

import { configure } from '@testing-library/react'

// One second is little on a machine that builds meanwhile; a page that never shows it still fails within the test's own time.
configure({ asyncUtilTimeout: 10_000 })
